//! Why a database cannot be used.

use std::{error::Error as _, io, path::PathBuf};

use tokio_postgres::{Error, error::SqlState};

use super::address::Target;

/// A database cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The address cannot be read.
    #[error(
        "the address of the database is wrong: it has the form postgres://USER@HOST:PORT/DATABASE"
    )]
    Address(#[source] Error),
    /// The address has settings of TLS that are not supported.
    #[error(
        "the address of the database has settings of TLS that are not supported: sslmode is disable, prefer, require or \
         verify-full, and sslrootcert, a file with certificates, goes with verify-full only"
    )]
    TlsSettings,
    /// The certificates that are trusted cannot be read.
    #[error(
        "the file of sslrootcert, {}, cannot be used: it has one or more certificates in PEM form",
        .path.display()
    )]
    RootCertificates {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// TLS cannot be used at all.
    #[error("TLS cannot be used")]
    TlsVersions(#[source] tokio_rustls::rustls::Error),
    /// The server does not use TLS, or has another certificate than the address demands.
    #[error(
        "the connection to {target} cannot be encrypted as sslmode demands: see that the server has `ssl = on` and, with \
         verify-full, that its certificate is valid for the name in the address and signed by one of sslrootcert"
    )]
    Tls {
        /// The database.
        target: Target,
        /// The error.
        source: Error,
    },
    /// There is no connection, or it has ended.
    #[error(
        "there is no connection to {target}: see that the server runs, and accepts connections from here"
    )]
    Unreachable {
        /// The database.
        target: Target,
        /// The error.
        source: Error,
    },
    /// The server is there, but does not answer.
    #[error("{target} does not answer: see that the server is not stopped, and not overloaded")]
    Silent {
        /// The database.
        target: Target,
    },
    /// The connection was lost as soon as it was open.
    #[error("the connection to {target} is lost again and again: see the log of the server")]
    Lost {
        /// The database.
        target: Target,
    },
    /// The server does not accept the user or the password.
    #[error(
        "{target} refuses the user or the password: set the password in PGPASSWORD or in a file, or see the server's pg_hba.conf"
    )]
    WrongPassword {
        /// The database.
        target: Target,
        /// The error.
        source: Error,
    },
    /// The server has no such database.
    #[error("{target} does not exist: make it with `createdb`")]
    NoDatabase {
        /// The database.
        target: Target,
        /// The error.
        source: Error,
    },
    /// The user may not do what the archive needs.
    #[error(
        "the user has too few rights in {target}: GRANT USAGE, CREATE ON SCHEMA ... TO the user, which must own the tables of \
         the archive"
    )]
    NoRight {
        /// The database.
        target: Target,
        /// The error.
        source: Error,
    },
    /// A newer program has made the tables.
    #[error(
        "the archive in {target} is of version {found}, but this program knows versions up to {known}: use a newer program"
    )]
    Newer {
        /// The database.
        target: Target,
        /// The version of the tables.
        found: i32,
        /// The newest version that this program knows.
        known: i32,
    },
    /// The disk of the server is full, or it has no memory or no connection left.
    #[error(
        "{target} has no room left: see the disk, the memory and max_connections of the server"
    )]
    Full {
        /// The database.
        target: Target,
        /// The error.
        source: Error,
    },
    /// The archive has just got another id, because it may lack envelopes that it had.
    #[error("the archive in {target} is another one than a moment ago: ask again")]
    Renewed {
        /// The database.
        target: Target,
    },
    /// A row of the archive is not as it was written.
    #[error("the archive in {target} is damaged: {what}; restore a backup")]
    Damaged {
        /// The database.
        target: Target,
        /// What is wrong.
        what: String,
    },
    /// Anything else.
    #[error("{target} cannot be used")]
    Failed {
        /// The database.
        target: Target,
        /// The error.
        source: Error,
    },
}

impl PostgresError {
    /// An error of a connection to this database.
    pub(super) fn of(target: &Target, source: Error) -> Self {
        let target = target.clone();
        let Some(state) = source.code() else {
            let cause = source.source();
            return if source.to_string().starts_with("error performing TLS handshake") {
                Self::Tls { target, source }
            } else if source.is_closed() || cause.is_some_and(|cause| cause.is::<io::Error>()) {
                Self::Unreachable { target, source }
            } else if cause.is_some_and(|cause| cause.to_string() == "password missing") {
                Self::WrongPassword { target, source }
            } else {
                Self::Failed { target, source }
            };
        };
        match *state {
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
                Self::WrongPassword { target, source }
            }
            SqlState::INVALID_CATALOG_NAME => Self::NoDatabase { target, source },
            SqlState::INSUFFICIENT_PRIVILEGE | SqlState::INVALID_SCHEMA_NAME => {
                Self::NoRight { target, source }
            }
            SqlState::DISK_FULL
            | SqlState::OUT_OF_MEMORY
            | SqlState::TOO_MANY_CONNECTIONS
            | SqlState::INSUFFICIENT_RESOURCES => Self::Full { target, source },
            SqlState::ADMIN_SHUTDOWN
            | SqlState::CRASH_SHUTDOWN
            | SqlState::CANNOT_CONNECT_NOW
            | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Self::Unreachable { target, source },
            _ => Self::Failed { target, source },
        }
    }
}

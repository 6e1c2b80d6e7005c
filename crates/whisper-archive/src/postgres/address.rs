//! Where a database is.

use std::{env, fmt, str::FromStr, sync::Arc, time::Duration};

use tokio_postgres::{Config, config::Host};

use super::{
    error::PostgresError,
    tls::{self, Trust},
};

/// Maximum time to connect, unless the address has another one (`connect_timeout`).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time for which a server may not acknowledge what it was sent, unless the address has another one.
const TCP_TIMEOUT: Duration = Duration::from_secs(20);

/// Where a database is, and who uses it: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
///
/// The parameters after `?` are those of `libpq`. `sslmode` is one of
///
/// - `disable`: no TLS; `prefer`, the default: TLS if the server has it; `require`: always TLS. The certificate of the server
///   is not checked.
/// - `verify-full`: its certificate must be valid for the name of the host, by the certificates of this machine or by those in
///   the file `sslrootcert`.
///
/// With `options=-csearch_path%3DNAME`, the archive is in the schema of that name, so that there can be several in one database.
/// The password is not in the text of this type.
///
/// ```
/// use whisper_archive::PostgresAddress;
///
/// let address: PostgresAddress = "postgres://node:secret@db.example/whisper".parse()?;
/// assert_eq!(address.to_string(), "postgres://node@db.example:5432/whisper");
/// # Ok::<_, whisper_archive::PostgresError>(())
/// ```
#[derive(Clone)]
pub struct PostgresAddress {
    pub(super) config: Box<Config>,
    pub(super) target: Target,
    pub(super) trust: Trust,
}

/// A database as errors and the log name it, without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Target(Arc<str>);

impl PostgresAddress {
    /// The same address with this password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.config.password(password);
        self
    }

    /// The same address with the password in the environment variable `PGPASSWORD`, unless it has one.
    #[must_use]
    pub fn password_from_env(self) -> Self {
        match env::var("PGPASSWORD") {
            Ok(password) if self.config.get_password().is_none() => self.password(&password),
            _ => self,
        }
    }
}

impl FromStr for PostgresAddress {
    type Err = PostgresError;

    fn from_str(text: &str) -> Result<Self, PostgresError> {
        let (text, trust) = tls::split(text)?;
        let mut config: Config = text.parse().map_err(PostgresError::Address)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("whisper-archive");
        }
        config.keepalives_idle(TCP_TIMEOUT);
        let target = Target::of(&config);
        Ok(Self { config: Box::new(config), target, trust })
    }
}

impl Target {
    fn of(config: &Config) -> Self {
        let user = config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
        let port = |index| config.get_ports().get(index).or(config.get_ports().first());
        let host = |(index, host): (usize, &Host)| {
            let port = port(index).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                #[cfg(unix)]
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        };
        let hosts: Vec<_> = config.get_hosts().iter().enumerate().map(host).collect();
        let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
        Self(format!("postgres://{user}{}/{database}", hosts.join(",")).into())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the database {}", self.0)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.target.0)
    }
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

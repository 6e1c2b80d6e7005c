//! The archive of a node: in a file or in a database.

use std::{path::PathBuf, sync::Arc};

use p2p_identity::causes;
use p2p_world::World;
use whisper_archive::{
    Damage, EmbeddedArchive, OpenError, PostgresAddress, PostgresArchive, PostgresError, Retention,
};
use whisper_protocol::{Archive, ArchiveSettings, MailServer, MailServerSettings, Whisper};

/// Number of peers' requests that wait for the mail server.
const MAIL_QUEUE: usize = 64;

/// An archive: every envelope is stored, and requests for old ones are answered.
#[derive(Clone, Debug)]
pub struct ArchiveConfig {
    /// Where the envelopes are stored.
    pub store: ArchiveStore,
    /// How long and how much it keeps.
    pub retention: Retention,
    /// Who may ask for old envelopes. Its password and its clients are also those of `archive/1`.
    pub mail: MailServerSettings,
}

/// Where an archive is.
#[derive(Clone, Debug)]
pub enum ArchiveStore {
    /// In a file of this node.
    File(PathBuf),
    /// In a PostgreSQL database, which several nodes can use.
    Database(PostgresAddress),
}

/// An archive cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveOpenError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] OpenError),
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] PostgresError),
}

/// An archive that is open.
#[derive(Debug)]
pub(crate) enum OpenArchive {
    File(EmbeddedArchive),
    Database(PostgresArchive),
}

impl OpenArchive {
    async fn open(
        world: &Arc<dyn World>,
        store: ArchiveStore,
        retention: Retention,
    ) -> Result<Self, ArchiveOpenError> {
        let path = match store {
            ArchiveStore::File(path) => path,
            ArchiveStore::Database(address) => {
                let opened = PostgresArchive::open(Arc::clone(world), address.clone(), retention);
                let archive = opened.await?;
                let stored = *archive.newest().borrow();
                tracing::info!(%address, stored, "envelopes are stored in the archive");
                return Ok(Self::Database(archive));
            }
        };
        let (archive, moved_aside) = EmbeddedArchive::open(Arc::clone(world), &path, retention)?;
        if let Some(aside) = moved_aside {
            tracing::warn!(
                error = %causes(&aside.error), aside = %aside.path.display(),
                "the archive is moved aside and an empty one is made: clients begin again"
            );
        }
        let stored = *archive.newest().borrow();
        tracing::info!(path = %path.display(), stored, "envelopes are stored in the archive");
        Ok(Self::File(archive))
    }

    /// The archive, for those who use it.
    fn shared(&self) -> Arc<dyn Archive> {
        match self {
            Self::File(archive) => Arc::new(archive.clone()),
            Self::Database(archive) => Arc::new(archive.clone()),
        }
    }

    /// Whether the file is damaged; `None` for a database.
    pub(crate) fn damage(&self) -> Option<&Damage> {
        match self {
            Self::File(archive) => Some(archive.damage()),
            Self::Database(_) => None,
        }
    }

    /// Waits until everything is written, and no other part uses it.
    pub(crate) async fn close(self) {
        match self {
            Self::File(archive) => archive.close().await,
            Self::Database(archive) => archive.close().await,
        }
    }
}

/// Opens an archive. From now on envelopes are stored in it, and peers' requests are answered from it.
pub(crate) async fn start(
    world: &Arc<dyn World>,
    config: ArchiveConfig,
    whisper: &Whisper,
) -> Result<OpenArchive, ArchiveOpenError> {
    let ArchiveConfig { store, retention, mail } = config;
    let archive = OpenArchive::open(world, store, retention).await?;
    let shared = archive.shared();
    whisper.record(Arc::clone(&shared));
    let (open, password) = (mail.open.clone(), mail.password.clone());
    let settings = ArchiveSettings { open, password, ..ArchiveSettings::default() };
    whisper.serve_archive(Arc::clone(&shared), settings);
    let server = MailServer::new(Arc::clone(world), shared, mail);
    let requests = whisper.mail_requests(MAIL_QUEUE);
    world.spawn(Box::pin(async move { server.run(requests).await }));
    Ok(archive)
}

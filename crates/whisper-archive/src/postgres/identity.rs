//! Which archive it is: a copy that may lack envelopes gets another id.
//!
//! A server that takes over after a failure may have less than the one before, and a restored copy has. It would give out arrival
//! numbers again that clients have read, and a client would leave out what is stored under them. So who opens a connection to
//! write compares the server and its timeline with those that the archive was written on.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use tokio_postgres::Transaction;
use whisper_protocol::ArchiveId;

use super::{error::PostgresError, session::Connector};
use crate::writer::Newest;

const FIND: &str = "
    SELECT id, newest, cluster, (SELECT system_identifier FROM pg_control_system())
        || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS here
    FROM whisper_archive FOR UPDATE";

/// Other nodes learn of it at once.
const RENEW: &str = "
    WITH renewed AS (UPDATE whisper_archive SET id = $1, cluster = $2 RETURNING tableoid, newest)
    SELECT pg_notify('whisper_archive_' || tableoid, encode($1, 'hex') || ' ' || newest) FROM renewed";

const SETTLE: &str = "UPDATE whisper_archive SET cluster = $1";

/// The id of an archive, and its newest arrival number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) id: ArchiveId,
    pub(super) newest: u64,
}

/// The identity of the archive. It gets the id `fresh` if it may lack what it had: what it had before, or what this node knows
/// that it had.
pub(super) async fn identify(
    connector: &Connector,
    transaction: &Transaction<'_>,
    known: Option<Identity>,
    fresh: [u8; 8],
) -> Result<Identity, PostgresError> {
    let failed = |error| connector.error(error);
    let row = transaction.query_one(FIND, &[]).await.map_err(failed)?;
    let (id, newest): (&[u8], i64) = (row.get(0), row.get(1));
    let (before, here): (&str, &str) = (row.get(2), row.get(3));
    let found = Identity { id: id_of(connector, id)?, newest: newest.cast_unsigned() };
    let is_behind = known.is_some_and(|known| known.id == found.id && known.newest > found.newest);
    if is_behind || !(before.is_empty() || before == here) {
        transaction.execute(RENEW, &[&&fresh[..], &here]).await.map_err(failed)?;
        let (target, newest) = (connector.target(), found.newest);
        tracing::warn!(
            %target, before, here, newest,
            "the archive goes on in a restored or another database, which may lack envelopes: clients begin again"
        );
        return Ok(Identity { id: ArchiveId(fresh), ..found });
    }
    if before != here {
        transaction.execute(SETTLE, &[&here]).await.map_err(failed)?;
    }
    Ok(found)
}

fn id_of(connector: &Connector, id: &[u8]) -> Result<ArchiveId, PostgresError> {
    let id = id.try_into().map_err(|_| PostgresError::Damaged {
        target: connector.target().clone(),
        what: format!("its id has {} bytes instead of 8", id.len()),
    })?;
    Ok(ArchiveId(id))
}

impl Identity {
    /// Reads a notification: the id in hexadecimal, and the newest number.
    pub(super) fn parse(payload: &str) -> Option<Self> {
        let (id, newest) = payload.split_once(' ')?;
        let id = u64::from_str_radix(id, 16).ok().filter(|_| id.len() == 16)?;
        Some(Self { id: ArchiveId(id.to_be_bytes()), newest: newest.parse().ok()? })
    }

    /// The first two columns of a row: the id and the newest number.
    pub(super) fn of(row: &tokio_postgres::Row) -> Option<Self> {
        let (id, newest): (&[u8], i64) = (row.get(0), row.get(1));
        Some(Self { id: ArchiveId(id.try_into().ok()?), newest: newest.cast_unsigned() })
    }
}

/// The identity of the archive, as readers see it. Only the listener changes the id: it hears of changes in their order.
#[derive(Debug, Clone)]
pub(super) struct Head {
    id: Arc<AtomicU64>,
    newest: Newest,
}

impl Head {
    pub(super) fn new(identity: Identity, newest: Newest) -> Self {
        Self { id: Arc::new(AtomicU64::new(u64::from_be_bytes(identity.id.0))), newest }
    }

    pub(super) fn id(&self) -> ArchiveId {
        ArchiveId(self.id.load(SeqCst).to_be_bytes())
    }

    pub(super) fn identity(&self) -> Identity {
        Identity { id: self.id(), newest: self.newest.get() }
    }

    /// Takes over what the database says.
    pub(super) fn set(&self, identity: Identity) {
        let id = u64::from_be_bytes(identity.id.0);
        if self.id.swap(id, SeqCst) == id {
            self.newest.raise(identity.newest);
        } else {
            self.newest.reset(identity.newest);
        }
    }
}

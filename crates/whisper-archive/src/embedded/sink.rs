//! Writing and removing, as the writer needs it.

use std::time::UNIX_EPOCH;

use node_store::Store;
use whisper_protocol::ArchiveError;

use super::{append, prune};
use crate::{
    Retention,
    group::{Answer, Group},
    writer::Sink,
};

/// The file, for the task that writes it.
pub(super) struct FileSink {
    pub(super) store: Store,
    pub(super) retention: Retention,
}

impl Sink for FileSink {
    async fn append(&mut self, group: Group) -> Option<(Group, Answer)> {
        let minute = self.minute();
        let written = self.store.run(move |store| {
            let outcome =
                store.write(|transaction| append::write(transaction, minute, group.envelopes()));
            (group, outcome.map_err(ArchiveError::new))
        });
        written.await
    }

    async fn prune(&mut self) -> Option<Result<bool, ArchiveError>> {
        let (minute, retention) = (self.minute(), self.retention);
        let pruned = self.store.run(move |store| {
            store.write(|transaction| prune::prune(transaction, minute, &retention))
        });
        Some(pruned.await?.map_err(ArchiveError::new))
    }
}

impl FileSink {
    /// The present, in minutes since 1970.
    fn minute(&self) -> u64 {
        let now = self.store.world().unix_time();
        now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60
    }
}

//! Writing and removing, as the writer needs it.

use std::time::UNIX_EPOCH;

use node_store::Store;
use whisper_protocol::ArchiveError;

use super::{append, failed, prune};
use crate::{
    Retention,
    clock::Clock,
    group::{Answer, Group},
    writer::Sink,
};

/// The file, for the task that writes it.
pub(super) struct FileSink {
    pub(super) store: Store,
    pub(super) retention: Retention,
    pub(super) clock: Clock,
}

impl Sink for FileSink {
    async fn append(&mut self, group: Group) -> Option<(Group, Answer)> {
        let (minute, is_believed) = self.now();
        let written = self.store.run(move |store| {
            let outcome = store.write(|transaction| {
                append::write(transaction, minute, is_believed, group.envelopes())
            });
            (group, outcome.map_err(failed))
        });
        written.await
    }

    async fn prune(&mut self) -> Option<Result<bool, ArchiveError>> {
        let (minute, is_believed) = self.now();
        let max_age = self.retention.max_age.filter(|_| is_believed);
        let retention = Retention { max_age, ..self.retention };
        let pruned = self.store.run(move |store| {
            store.write(|transaction| prune::prune(transaction, minute, &retention))
        });
        Some(pruned.await?.map_err(failed))
    }
}

impl FileSink {
    /// The present, in minutes since 1970, and whether the clock is believed.
    fn now(&mut self) -> (u64, bool) {
        let now = self.store.world().unix_time();
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        (now / 60, self.clock.is_believed(now))
    }
}

//! The messages of a filter that are in the pool.

use std::sync::Arc;

use bytes::Bytes;
use p2p_world::HashSet;
use whisper_envelope::Envelope;

use crate::{
    delivery::filter::Filter,
    delivery::message::{ContentHash, ReceivedMessage},
    relay::pool::PoolEntry,
    relay::relays::Relays,
};

/// All messages in the pool that a filter wants, each once.
pub(super) fn messages(relays: &Relays, filter: &Filter) -> Vec<ReceivedMessage> {
    let candidates = relays.collect(|dialect, entry| {
        let (topic, work) = (entry.topic(), entry.work().get());
        let wanted = filter.has_topic(topic) && filter.admits(dialect, work, false);
        wanted.then(|| (dialect, Arc::clone(entry), work))
    });
    let mut seen = HashSet::default();
    let open = |(dialect, entry, work): (_, Arc<PoolEntry>, _)| {
        let raw = Bytes::copy_from_slice(entry.raw());
        let envelope = Envelope::decode(dialect, raw).ok()?;
        if !seen.insert(ContentHash::of(&envelope)) {
            return None;
        }
        let message = filter.open(&envelope).ok().filter(|message| filter.wants(message))?;
        Some(filter.received(&envelope, work, false, message))
    };
    candidates.into_iter().filter_map(open).collect()
}

//! Bundles: envelopes that are sent in one packet, made once for all peers that are sent the same.

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use crate::{
    relay::pool::PoolEntry,
    wire::{PackedEnvelopes, Wire},
};

/// Maximum number of recent bundles.
const MAX_RECENT: usize = 16;

/// Maximum bytes of recent bundles.
const MAX_RECENT_BYTES: usize = 1024 * 1024;

/// Envelopes for one packet, highest work first. With shh/5, which has one envelope in a packet, for a few packets.
///
/// What follows from them is made when it is first needed, and shared.
#[derive(Debug)]
pub(crate) struct Bundle {
    entries: Vec<Arc<PoolEntry>>,
    /// Whether the envelopes did not wait for a peer, for example because it connected later.
    is_live: bool,
    packets: OnceLock<Vec<Bytes>>,
    hashes: OnceLock<Vec<[u8; 32]>>,
    own: OnceLock<Vec<[u8; 32]>>,
}

impl Bundle {
    /// A bundle of envelopes that have waited in the pool.
    pub(crate) fn new(entries: Vec<Arc<PoolEntry>>) -> Self {
        let (packets, hashes, own) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { entries, is_live: false, packets, hashes, own }
    }

    /// A bundle of envelopes of the feed, in the order of their arrival.
    fn live(entries: Vec<Arc<PoolEntry>>) -> Self {
        Self { is_live: true, ..Self::new(entries) }
    }

    /// Number of envelopes.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.raw().len()).sum()
    }

    /// The bodies of the packets. `wire`: that of the relay's dialect.
    pub(crate) fn packets(&self, wire: &Wire) -> &[Bytes] {
        self.packets.get_or_init(|| {
            let mut packed = PackedEnvelopes::default();
            let bytes = self.bytes();
            self.entries.iter().for_each(|entry| packed.push(entry.raw(), bytes));
            (wire.encode_envelopes)(packed)
        })
    }

    /// The hashes of all envelopes.
    pub(crate) fn hashes(&self) -> &[[u8; 32]] {
        self.hashes.get_or_init(|| self.entries.iter().map(|entry| entry.hash()).collect())
    }

    /// The hashes of the envelopes that were made here.
    pub(crate) fn own(&self) -> &[[u8; 32]] {
        self.own.get_or_init(|| {
            let own = self.entries.iter().filter(|entry| entry.is_own());
            own.map(|entry| entry.hash()).collect()
        })
    }

    /// The numbers in the pool of the envelopes that peers sent, if they did not wait for a peer.
    pub(crate) fn live_numbers(&self) -> impl Iterator<Item = u64> {
        let of_peers = self.entries.iter().filter(|entry| self.is_live && !entry.is_own());
        of_peers.map(|entry| entry.number())
    }

    fn has(&self, entries: &[Arc<PoolEntry>]) -> bool {
        self.entries.len() == entries.len()
            && self.entries.iter().zip(entries).all(|(one, other)| Arc::ptr_eq(one, other))
    }
}

/// A bundle, and which part of the feed it was made from.
#[derive(Debug)]
struct Recent {
    start: u64,
    end: u64,
    bundle: Arc<Bundle>,
}

/// The bundles that were made last from the feed. Peers that read the same part of it, and are sent the same, share one.
#[derive(Debug, Default)]
pub(crate) struct RecentBundles {
    recent: VecDeque<Recent>,
    bytes: usize,
}

impl RecentBundles {
    /// Where the last bundle from this cursor ended.
    pub(crate) fn end_from(&self, cursor: u64) -> Option<u64> {
        self.recent.iter().rev().find(|recent| recent.start == cursor).map(|recent| recent.end)
    }

    /// The bundle of these envelopes, which are from this part of the feed.
    pub(crate) fn share(
        &mut self,
        start: u64,
        end: u64,
        entries: Vec<Arc<PoolEntry>>,
    ) -> Arc<Bundle> {
        let is_it = |recent: &&Recent| recent.start == start && recent.bundle.has(&entries);
        if let Some(same) = self.recent.iter().rev().find(is_it) {
            return Arc::clone(&same.bundle);
        }
        let bundle = Arc::new(Bundle::live(entries));
        self.bytes += bundle.bytes();
        self.recent.push_back(Recent { start, end, bundle: Arc::clone(&bundle) });
        while self.recent.len() > MAX_RECENT || self.bytes > MAX_RECENT_BYTES {
            let Some(oldest) = self.recent.pop_front() else { break };
            self.bytes -= oldest.bundle.bytes();
        }
        bundle
    }

    /// Forgets all bundles.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::testing::pooled;

    #[test]
    fn peers_share_what_is_the_same() {
        let (mut recent, all) = (RecentBundles::default(), pooled(0..3));
        let first = recent.share(0, 3, all.clone());
        assert!(Arc::ptr_eq(&first, &recent.share(0, 3, all.clone())));
        assert!(!Arc::ptr_eq(&first, &recent.share(0, 3, all[1..].to_vec())), "one less");
        assert_eq!((recent.end_from(0), recent.end_from(1)), (Some(3), None));
        let hashes: Vec<_> = all.iter().map(|entry| entry.hash()).collect();
        assert_eq!((first.hashes(), first.own()), (&hashes[..], &hashes[..]));
        let packets = first.packets(Wire::of(whisper_envelope::Dialect::V6));
        assert_eq!(packets[0].as_ptr(), first.packets(&crate::wire::V6)[0].as_ptr(), "made once");
    }

    #[test]
    fn recent_bundles_are_bounded() {
        let (mut recent, all) = (RecentBundles::default(), pooled(0..100));
        for (start, entry) in (0..).zip(&all) {
            recent.share(start, start + 1, vec![Arc::clone(entry)]);
        }
        assert_eq!(recent.recent.len(), MAX_RECENT);
        assert_eq!(recent.bytes, recent.recent.iter().map(|it| it.bundle.bytes()).sum::<usize>());
        recent.clear();
        assert_eq!((recent.recent.len(), recent.bytes), (0, 0));
    }
}

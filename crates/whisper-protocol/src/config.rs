//! The configuration of a node, with defaults that suit a node of a private network.

use std::{num::NonZeroUsize, sync::Arc, thread, time::Duration};

use p2p_world::{SystemWorld, World};
use whisper_pow::{Miner, Work};

use crate::{
    clock::Clock, delivery::interest::Interest, peers::rate_limit::RateLimits,
    peers::work_settings::WorkSettings, receipts::settings::ReceiptSettings,
};

/// Maximum of [`Config::max_message_size`], and the largest packet that is read from a peer, in bytes.
pub const MAX_MESSAGE_SIZE: u32 = 10 * 1024 * 1024;

/// Limits of a queue. It is full when one of them is reached.
///
/// Both are needed: with a limit on items only, a peer could fill the memory with large ones; with a limit on bytes
/// only, with the bookkeeping of small ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Maximum number of items.
    pub items: usize,
    /// Maximum number of bytes of content.
    pub bytes: usize,
}

/// The two queues between the sessions and the workers that open envelopes.
///
/// An envelope that does not fit is counted and not opened here; it is relayed nevertheless. Neither queue can block the
/// other for long: while both have content, direct messages are taken three times out of four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSettings {
    /// The message queue, for broadcast envelopes. Before an envelope is dropped, the peer that sent it waits up to a
    /// second for room. Default 16 384 items, 64 MiB.
    pub broadcast: QueueLimits,
    /// The p2p queue, for direct messages of trusted peers. Default 1024 items, 16 MiB.
    pub direct: QueueLimits,
}

/// Filters, and the workers that open envelopes for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterSettings {
    /// The mailbox of one filter. When it is full, the oldest message is dropped and counted. Default 1024 messages,
    /// 16 MiB.
    pub mailbox: QueueLimits,
    /// Number of tasks that open envelopes. 0 counts as 1. Default: the number of cores, at most 8.
    pub workers: usize,
    /// A filter made by [`Whisper::subscribe`](crate::Whisper::subscribe) is removed, with its mailbox, and counted if
    /// [`Whisper::take_messages`](crate::Whisper::take_messages) is not called for this long. A
    /// [`Watch`](crate::Watch) ends only when it is dropped. Default `None`: never, as in go-ethereum.
    pub idle: Option<Duration>,
}

/// What peers may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSettings {
    /// Maximum time for a peer to send its status. Default 5 s.
    pub status_timeout: Duration,
    /// Whether a peer that is a light client is refused while this node is one: neither would relay anything to the
    /// other. Default false, as in go-ethereum.
    pub restrict_light: bool,
    /// Limits on what peers send.
    pub rates: RateLimits,
    /// Maximum correction of the node's clock by those of its peers, in seconds; 0 turns it off. Default 600.
    ///
    /// What a peer sends is alive by the peer's clock. The node's own clock is taken to be wrong if more than half of the
    /// peers that this node dialed, and at least three of them, send what cannot be alive by it. Then the node uses the
    /// peers' time, or one up to eight seconds closer to its own, as long as the envelopes of the last minute need it. A clock
    /// by which the envelopes are alive when they arrive is not corrected. Inbound peers do not count.
    pub clock_correction: u32,
    /// Whether envelopes are announced to peers that have `lazy/1`, and fetched once, instead of being sent by every peer.
    /// Default false. It needs [`Whisper::lazy_protocol`](crate::Whisper::lazy_protocol) on the connections; other peers do not
    /// notice.
    pub lazy: bool,
}

/// Configuration of [`Whisper`](crate::Whisper). All fields have defaults; change single fields of
/// [`Config::default`].
#[derive(Debug, Clone)]
pub struct Config {
    /// The work that an envelope needs to be admitted to the pool, under any of the accepted rules. Announced to the
    /// peers. Default 0.2, as in go-ethereum.
    pub min_work: Work,
    /// The largest envelope that is pooled or posted, in bytes (20 plus the sealed data, as go-ethereum counts). Larger
    /// values than [`MAX_MESSAGE_SIZE`] count as that. Default 1 MiB.
    pub max_message_size: u32,
    /// The topics that the node asks its peers for. Default: all of them, as in go-ethereum.
    pub interest: Interest,
    /// Under which rules work is done and counted, by this node and by its peers.
    pub work: WorkSettings,
    /// Maximum size of each pool in bytes, bookkeeping included; there is one pool for each dialect. When a pool is full,
    /// the envelopes with the least work are evicted. Default 256 MiB.
    pub pool_bytes: usize,
    /// The queues of envelopes that wait to be opened.
    pub queues: QueueSettings,
    /// Filters, and the workers that open envelopes for them.
    pub filters: FilterSettings,
    /// Delivery receipts: when a post counts as delivered.
    pub receipts: ReceiptSettings,
    /// What peers may do.
    pub peers: PeerSettings,
    /// Whether the node is a light client: it sends what is posted here, relays nothing, and says so in its status.
    /// Default false. [`Whisper::set_light`](crate::Whisper::set_light) changes it.
    pub light: bool,
    /// The machine that the node runs on: its UNIX clock, and the tasks. Default: that of the operating system.
    pub world: Arc<dyn World>,
    /// Does the proof of work. Default: on threads of its own, on all cores.
    pub miner: Miner,
}

const MIB: usize = 1024 * 1024;

/// The default of [`Config::min_work`].
const DEFAULT_MIN_WORK: f64 = 0.2;

impl Config {
    /// The configuration of a node in a simulation: as the default, but its machine is `world`, it has no threads, and nothing
    /// depends on the number of cores.
    ///
    /// On a Tokio runtime of one thread with a paused clock, in a thread with a seed
    /// ([`p2p_world`], feature `seeded`), such a node does the same each time.
    #[must_use]
    pub fn simulated(world: Arc<dyn World>) -> Self {
        Self {
            world,
            miner: Miner::in_place(),
            filters: FilterSettings { workers: 1, ..FilterSettings::default() },
            ..Self::default()
        }
    }

    /// The clock of the node.
    pub(crate) fn clock(&self) -> Clock {
        Clock::of(Arc::clone(&self.world))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            min_work: Work::new(DEFAULT_MIN_WORK).unwrap_or_default(),
            max_message_size: 1024 * 1024,
            interest: Interest::default(),
            work: WorkSettings::default(),
            pool_bytes: 256 * MIB,
            queues: QueueSettings::default(),
            filters: FilterSettings::default(),
            receipts: ReceiptSettings::default(),
            peers: PeerSettings::default(),
            light: false,
            world: SystemWorld::shared(),
            miner: Miner::new(),
        }
    }
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            broadcast: QueueLimits { items: 16_384, bytes: 64 * MIB },
            direct: QueueLimits { items: 1024, bytes: 16 * MIB },
        }
    }
}

impl Default for FilterSettings {
    fn default() -> Self {
        Self {
            mailbox: QueueLimits { items: 1024, bytes: 16 * MIB },
            workers: thread::available_parallelism().map_or(1, NonZeroUsize::get).min(8),
            idle: None,
        }
    }
}

impl Default for PeerSettings {
    fn default() -> Self {
        Self {
            status_timeout: Duration::from_secs(5),
            restrict_light: false,
            rates: RateLimits::default(),
            clock_correction: 600,
            lazy: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_work_is_that_of_go_ethereum() {
        assert_eq!(Config::default().min_work.get().to_bits(), 0.2_f64.to_bits());
    }
}

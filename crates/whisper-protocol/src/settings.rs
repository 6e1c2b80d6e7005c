//! What an operator can choose about the node's Whisper, with defaults that suit a node of a
//! private network.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::Arc,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use whisper_pow::Work;

use crate::{
    delivery::interest::Interest, receipts::ReceiptSettings, relay::rules::Rules,
    session::limit::RateLimits,
};

/// The largest [`Settings::max_message_size`], and the largest packet that is read from a peer, in
/// bytes.
pub const MAX_MESSAGE_SIZE: u32 = 10 * 1024 * 1024;

/// Bounds of a queue: it is full as soon as one of the two is reached.
///
/// Both are needed: a bound in items lets a peer fill the memory with large ones, a bound in bytes
/// lets it fill the memory with the bookkeeping of small ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many items the queue holds at most.
    pub items: usize,
    /// How many bytes of content it holds at most.
    pub bytes: usize,
}

/// The two queues between the sessions and those who open envelopes. One that is full takes nothing
/// more: what does not fit is not opened here, and counted; it is relayed all the same. None can
/// hold up the other for long: while both have something, direct messages go first three times of
/// four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queues {
    /// The message queue, of broadcast envelopes. Before something is dropped, the peer that brings
    /// it waits up to a second for room. Default 16 384 items, 64 MiB.
    pub broadcast: Bounds,
    /// The p2p queue, of direct messages of trusted peers. Default 1024 items, 16 MiB.
    pub direct: Bounds,
}

/// Filters, and who opens envelopes for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterSettings {
    /// The mailbox of one filter. When it is full, the oldest message is dropped and counted.
    /// Default 1024 messages, 16 MiB.
    pub mailbox: Bounds,
    /// How many tasks open envelopes. Default: as many as there are cores, at most 8.
    pub workers: usize,
    /// After how long without a call of [`Whisper::messages`](crate::Whisper::messages) a filter
    /// made by [`Whisper::subscribe`](crate::Whisper::subscribe) is removed, its mailbox with it, and
    /// counted; a [`Watch`](crate::Watch) ends when it is dropped. Default `None`: never, as in
    /// go-ethereum.
    pub idle: Option<Duration>,
}

/// What peers may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSettings {
    /// How long a peer may take to send its status. Default 5 s.
    pub status_timeout: Duration,
    /// Whether a peer that is a light client is refused while this node is one: neither would relay
    /// anything to the other. Default false, as in go-ethereum.
    pub restrict_light: bool,
    /// How much they may send per second.
    pub rates: RateLimits,
    /// By how many seconds the node's clock is corrected at most, where it differs from those of its
    /// peers; 0 is never. Default 600.
    ///
    /// What a peer passes on is alive by its clock. Where more than half of the peers that this node
    /// has chosen, of at least three, pass on what cannot be alive by the own clock, that is wrong, and
    /// the node goes by theirs, until they show that it is right. A clock by which envelopes are alive
    /// when they come is left alone. Peers that came by themselves have no say.
    pub clock_correction: u32,
}

/// Where the node gets the time from, in seconds since 1970 (UTC).
///
/// Whisper's time is whole seconds in 32 bits. The default is the system's clock; a simulation
/// gives its own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u32 + Send + Sync>);

impl Clock {
    /// A clock that asks `now` each time.
    pub fn new(now: impl Fn() -> u32 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The system's clock. Before 1970 it reads 0, after 2106 it stands still.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u32::try_from(since_1970.as_secs()).unwrap_or(u32::MAX)
        })
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u32 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// Settings of [`Whisper`](crate::Whisper). All have defaults; change single fields of
/// [`Settings::default`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// The work an envelope needs to be taken into the pool, under any of the rules that are accepted.
    /// Default 0.2, as in go-ethereum. Announced to the peers. What is no amount of work (negative,
    /// infinite, not a number) counts as 0.
    pub min_work: f64,
    /// The largest envelope that is pooled or posted, in bytes (20 + its sealed data, as
    /// go-ethereum counts). Default 1 MiB, at most [`MAX_MESSAGE_SIZE`].
    pub max_message_size: u32,
    /// The topics that the node wants to be sent. Default: all of them, as in go-ethereum.
    pub interest: Interest,
    /// By which rules work is done and counted, here and by the peers.
    pub rules: Rules,
    /// The budget of each pool in bytes, bookkeeping included; there is one pool for each dialect. When
    /// one is full, the lowest work goes out first. Default 256 MiB.
    pub pool_bytes: usize,
    /// The queues of envelopes that wait to be opened.
    pub queues: Queues,
    /// Filters, and who opens envelopes for them.
    pub filters: FilterSettings,
    /// Delivery receipts: when a post counts as delivered.
    pub receipts: ReceiptSettings,
    /// What peers may do.
    pub peers: PeerSettings,
    /// Whether the node is a light client: it sends what is posted here, relays nothing, and says so
    /// in its status. Default false. ([`Whisper::set_light`](crate::Whisper::set_light) changes it.)
    pub light: bool,
    /// The time. Default: the system's clock.
    pub clock: Clock,
}

impl Settings {
    pub(crate) fn required_work(&self) -> Work {
        Work::new(self.min_work).unwrap_or_default()
    }
}

const MIB: usize = 1024 * 1024;

impl Default for Settings {
    fn default() -> Self {
        Self {
            min_work: 0.2,
            max_message_size: 1024 * 1024,
            interest: Interest::default(),
            rules: Rules::default(),
            pool_bytes: 256 * MIB,
            queues: Queues::default(),
            filters: FilterSettings::default(),
            receipts: ReceiptSettings::default(),
            peers: PeerSettings::default(),
            light: false,
            clock: Clock::system(),
        }
    }
}

impl Default for Queues {
    fn default() -> Self {
        Self {
            broadcast: Bounds { items: 16_384, bytes: 64 * MIB },
            direct: Bounds { items: 1024, bytes: 16 * MIB },
        }
    }
}

impl Default for FilterSettings {
    fn default() -> Self {
        Self {
            mailbox: Bounds { items: 1024, bytes: 16 * MIB },
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
        }
    }
}

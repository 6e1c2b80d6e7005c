//! Bugs that are planted on purpose, so that a simulation can show that it would find them.
//!
//! Not part of the stable interface. Without the feature `planted` there are no bugs: [`is`] is constant `false`, and the
//! compiler removes the code that asks. With the feature there are none either until `plant` is called.

#[cfg(feature = "planted")]
use std::sync::atomic::{AtomicUsize, Ordering};

macro_rules! bugs {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A bug that can be planted. The variants are named after what is wrong then.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bug {
            $($(#[$doc])* $variant,)*
        }

        impl Bug {
            /// All bugs.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name on a command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

bugs! {
    /// One of the peers for which a relay has something new is not woken.
    LostWakeup = "lost-wakeup",
    /// An envelope stays in the pool for a second too long.
    LateExpiry = "late-expiry",
    /// The bytes of an envelope that left the pool still count.
    PoolBytesKept = "pool-bytes-kept",
    /// What a peer knows about an envelope is taken for knowledge of later ones.
    KnownMixedUp = "known-mixed-up",
    /// Peers are not told that the bloom has changed.
    BloomNotSent = "bloom-not-sent",
    /// A peer that wants more topics is not sent what is in the pool.
    BloomWithoutRescan = "bloom-without-rescan",
    /// A changed work requirement applies, but connected peers are not told.
    WorkNotSent = "work-not-sent",
    /// A peer that comes back is not sent what it has missed.
    RejoinForgets = "rejoin-forgets",
    /// A post ends a second time.
    EndsTwice = "ends-twice",
    /// No timer is set for a peer that must stay for a while.
    StayTimerLost = "stay-timer-lost",
    /// A post that no one has taken does not end when it expires.
    ExpiredPostStays = "expired-post-stays",
    /// Envelopes that came before their time are dropped when it has come.
    EarlyLost = "early-lost",
    /// What does not fit into the queue of a filter is not tried again.
    QueueDropsSilently = "queue-drops-silently",
    /// A mailbox does not remember what it had.
    DeliveredTwice = "delivered-twice",
    /// A light client that relays again does not send what it has.
    LightStays = "light-stays",
    /// The clock is read once, at the start.
    ClockOfTheStart = "clock-of-the-start",
    /// A client of the JSON-RPC that subscribes gets only what is there already.
    WatchNotWoken = "watch-not-woken",
    /// A ban does not apply to connected peers.
    BanKeepsPeer = "ban-keeps-peer",
    /// A removed node stays connected.
    RemovedPeerStays = "removed-peer-stays",
    /// The slot of a peer that has left stays taken.
    PeerSlotKept = "peer-slot-kept",
    /// A node that could not be reached counts as being dialed until the end.
    DialForgotten = "dial-forgotten",
    /// The sub-protocol of a removed slot is not told.
    SlotNotClosed = "slot-not-closed",
    /// The memory of a connection that has ended still counts.
    MemoryNotReleased = "memory-not-released",
    /// A silent peer is taken for alive.
    SilentPeerStays = "silent-peer-stays",
    /// The cursor of a reader of archives is after a page of which only a part was delivered.
    CursorAhead = "cursor-ahead",
    /// An archive that is connected again is asked for the last envelope that it has sent once more.
    PageTwice = "page-twice",
    /// A query is not woken by what arrives after everything stored was sent.
    TailNotWoken = "tail-not-woken",
    /// A cursor does not tell which envelopes are still to come from another archive.
    ExpectedForgotten = "expected-forgotten",
}

impl Bug {
    /// Whether the scenario with archives finds it; no other one has any.
    #[must_use]
    pub const fn is_of_archives(self) -> bool {
        matches!(
            self,
            Self::CursorAhead | Self::PageTwice | Self::TailNotWoken | Self::ExpectedForgotten
        )
    }
}

/// The number of the planted bug plus one; 0 for none.
#[cfg(feature = "planted")]
static PLANTED: AtomicUsize = AtomicUsize::new(0);

/// Plants a bug in this process instead of the one before, or none.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.store(bug.map_or(0, |bug| bug as usize + 1), Ordering::Relaxed);
}

/// Whether this bug is planted.
#[cfg(feature = "planted")]
#[must_use]
pub fn is(bug: Bug) -> bool {
    PLANTED.load(Ordering::Relaxed) == bug as usize + 1
}

/// Whether this bug is planted: never in this build.
#[cfg(not(feature = "planted"))]
#[inline(always)]
#[must_use]
pub const fn is(_: Bug) -> bool {
    false
}

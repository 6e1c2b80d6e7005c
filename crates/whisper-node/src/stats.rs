//! Counters: every path that drops, refuses or disconnects has one.
//!
//! The live side is atomic and private; [`Stats`] is a plain copy of it, taken by
//! [`Whisper::stats`](crate::Whisper::stats). Counters only grow and start at zero with the node.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::{admission::Rejection, fault::Fault};

/// One counter. Relaxed: a counter orders nothing.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, n: usize) {
        self.0.fetch_add(n as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($(#[$doc:meta])* $live:ident => $shown:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        #[derive(Debug, Default)]
        pub(crate) struct $live { $(pub(crate) $field: Count,)* }

        impl $live {
            fn snapshot(&self) -> $shown {
                $shown { $($field: self.$field.get(),)* }
            }
        }

        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct $shown { $($(#[$field_doc])* pub $field: u64,)* }
    };
}

counters! {
    /// Envelopes by what became of them on arrival.
    EnvelopeCounters => EnvelopeStats {
        /// Arrived from peers in bundles, well formed.
        received,
        /// Taken into the pool, from peers or posted here.
        new,
        /// Already in the pool.
        known,
        /// Posted or injected here, among `new`.
        posted,
    }
}

counters! {
    /// Envelopes refused, one counter for each [`Rejection`].
    RejectedCounters => RejectedStats {
        /// [`Rejection::ZeroTtl`].
        zero_ttl,
        /// [`Rejection::TtlBeyondExpiry`].
        ttl_beyond_expiry,
        /// [`Rejection::FromTheFuture`].
        from_the_future,
        /// [`Rejection::Expired`].
        expired,
        /// [`Rejection::VeryOld`].
        very_old,
        /// [`Rejection::TooLarge`].
        too_large,
        /// [`Rejection::LowWork`].
        low_work,
        /// [`Rejection::OutsideBloom`].
        outside_bloom,
        /// [`Rejection::PoolFull`].
        pool_full,
    }
}

impl RejectedCounters {
    pub(crate) fn count(&self, rejection: &Rejection) {
        match rejection {
            Rejection::ZeroTtl => &self.zero_ttl,
            Rejection::TtlBeyondExpiry => &self.ttl_beyond_expiry,
            Rejection::FromTheFuture { .. } => &self.from_the_future,
            Rejection::Expired => &self.expired,
            Rejection::VeryOld => &self.very_old,
            Rejection::TooLarge { .. } => &self.too_large,
            Rejection::LowWork { .. } => &self.low_work,
            Rejection::OutsideBloom => &self.outside_bloom,
            Rejection::PoolFull => &self.pool_full,
        }
        .one();
    }
}

counters! {
    /// Sessions, and packets that were put aside without harm.
    SessionCounters => SessionStats {
        /// Sessions that began.
        opened,
        /// Sessions whose status exchange succeeded.
        established,
        /// Sessions that ended, for whatever reason.
        ended,
        /// Packets of a code this node does not know.
        unknown_code,
        /// Status packets after the first.
        second_status,
        /// Requests to a mail server, which this node is not.
        requests_ignored,
        /// Direct messages from peers that are not trusted.
        direct_untrusted,
        /// Direct messages from trusted peers that were larger than the node's limit.
        direct_too_large,
        /// Direct messages taken from trusted peers.
        direct_received,
        /// Direct messages sent.
        direct_sent,
    }
}

counters! {
    /// Work under the rules of others.
    WorkCounters => WorkStats {
        /// Peers whose rule was learned from their leaving.
        learned,
        /// Posts sealed so that they satisfy several rules.
        sealed_for_all,
        /// Posts that should have been, for which there was not enough time.
        sealed_for_one,
    }
}

counters! {
    /// Packets beyond EIP-627: see [`packet`](crate::packet).
    ExtensionCounters => ExtensionStats {
        /// Bundles that peers acknowledged.
        acks,
        /// Envelopes that peers said they refused.
        refused,
        /// Among these, those with a code that stands for a clock which differs, in some release.
        refused_for_the_clock,
        /// Acknowledgements of bundles, and answers to them, that the peer was not sent, or long ago.
        unexpected,
        /// Acknowledgements that were not sent, for want of room in what waits to be sent.
        acks_unsent,
        /// Rate limits that peers announced after their status.
        rates,
        /// Requests of mail servers to copy from this node, which is none.
        sync_requests_ignored,
        /// Answers to such, which this node did not ask for.
        sync_responses_ignored,
        /// Answers of mail servers, which this node did not ask for.
        completions_ignored,
        /// Packets of all these kinds that were malformed, and requests to a mail server.
        malformed,
    }
}

counters! {
    /// Sessions cut by this node, one counter for each kind of breach of the protocol.
    FaultCounters => FaultStats {
        /// The first packet was not a status.
        not_status,
        /// No status in time.
        status_timeout,
        /// A status that says nothing, as Parity's.
        empty_status,
        /// A status that is not a list with a version.
        malformed_status,
        /// A status of another version than the one agreed on.
        wrong_version,
        /// Both ends were light clients, and the node is to refuse that.
        both_light,
        /// A work requirement that is no number, infinite or negative.
        bad_work,
        /// A bloom of another length than 64 bytes.
        bad_bloom,
        /// A packet whose body is not the one its code demands.
        malformed_packet,
        /// A bundle with a malformed envelope.
        malformed_envelope,
        /// A packet beyond [`MAX_MESSAGE_SIZE`](crate::MAX_MESSAGE_SIZE).
        packet_too_large,
    }
}

impl FaultCounters {
    pub(crate) fn count(&self, fault: &Fault) {
        match fault {
            Fault::NotStatus { .. } => &self.not_status,
            Fault::StatusTimeout => &self.status_timeout,
            Fault::EmptyStatus => &self.empty_status,
            Fault::MalformedStatus(_) => &self.malformed_status,
            Fault::WrongVersion { .. } => &self.wrong_version,
            Fault::BothLight => &self.both_light,
            Fault::BadWork => &self.bad_work,
            Fault::BadBloom { .. } => &self.bad_bloom,
            Fault::MalformedPacket { .. } => &self.malformed_packet,
            Fault::MalformedEnvelope(_) => &self.malformed_envelope,
            Fault::PacketTooLarge { .. } => &self.packet_too_large,
        }
        .one();
    }
}

counters! {
    /// Opening of envelopes and delivery to mailboxes.
    DeliveryCounters => DeliveryStats {
        /// Broadcast envelopes dropped because the message queue was full.
        message_queue_full,
        /// Direct messages dropped because the p2p queue was full.
        direct_queue_full,
        /// Envelopes opened by the key of some filter.
        opened,
        /// Envelopes that some filter's topics matched but no filter's key opened.
        not_opened,
        /// Envelopes that a key opened and whose content was malformed. Only a holder of the key
        /// can make those.
        malformed,
        /// Messages that a filter's key opened and its signer or minimum work refused.
        not_matching,
        /// Messages put into mailboxes, one for each filter.
        delivered,
        /// Messages that lay in the mailbox already.
        repeated,
        /// Messages dropped from full mailboxes, the oldest first.
        mailbox_full,
        /// Filters removed because nobody asked for their messages.
        idle_filters,
    }
}

/// What the relay did. Kept by the pure machine itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RelayStats {
    /// Envelopes handed to peers, each peer counted.
    pub sent: u64,
    /// Bundles they went in.
    pub bundles: u64,
    /// Envelopes put off because a peer's pending queue was full. They are sent later if they are
    /// still alive then.
    pub deferred: u64,
    /// Envelopes not sent because one alone exceeds what a peer takes in one packet.
    pub oversized: u64,
    /// Envelopes removed from the pool at their expiry.
    pub expired: u64,
    /// Envelopes evicted from the full pool for others with more work.
    pub evicted: u64,
}

impl RelayStats {
    /// Those of two relays together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            bundles: self.bundles + other.bundles,
            deferred: self.deferred + other.deferred,
            oversized: self.oversized + other.oversized,
            expired: self.expired + other.expired,
            evicted: self.evicted + other.evicted,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) envelopes: EnvelopeCounters,
    pub(crate) rejected: RejectedCounters,
    pub(crate) sessions: SessionCounters,
    pub(crate) work: WorkCounters,
    pub(crate) extensions: ExtensionCounters,
    pub(crate) faults: FaultCounters,
    pub(crate) delivery: DeliveryCounters,
}

impl Counters {
    pub(crate) fn snapshot(&self, relay: RelayStats) -> Stats {
        Stats {
            envelopes: self.envelopes.snapshot(),
            rejected: self.rejected.snapshot(),
            relay,
            sessions: self.sessions.snapshot(),
            work: self.work.snapshot(),
            extensions: self.extensions.snapshot(),
            faults: self.faults.snapshot(),
            delivery: self.delivery.snapshot(),
        }
    }
}

/// All counters of the node's Whisper at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Envelopes by what became of them on arrival.
    pub envelopes: EnvelopeStats,
    /// Envelopes refused, by reason.
    pub rejected: RejectedStats,
    /// What the relay did.
    pub relay: RelayStats,
    /// Sessions, and packets put aside.
    pub sessions: SessionStats,
    /// Work under the rules of others.
    pub work: WorkStats,
    /// Packets beyond EIP-627.
    pub extensions: ExtensionStats,
    /// Sessions cut by this node, by reason.
    pub faults: FaultStats,
    /// Opening and delivery.
    pub delivery: DeliveryStats,
}

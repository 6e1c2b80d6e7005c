//! Counters: every path that drops, refuses or disconnects has one.
//!
//! The live side is atomic and private; [`Stats`] is a plain copy of it, taken by
//! [`Whisper::stats`](crate::Whisper::stats). Counters only grow and start at zero with the node.

use serde::Serialize;

use crate::{
    drops::reason::Reason,
    drops::{Count, Drops},
    receipts::receipt::Ending,
};

/// Counts what happens, and shows it beside what did not: `drops` are counted elsewhere, with their
/// reasons.
macro_rules! counters {
    ($(#[$doc:meta])* $live:ident => $shown:ident {
        $($(#[$count_doc:meta])* $count:ident,)*
    } drops {
        $($(#[$drop_doc:meta])* $drop:ident: $reason:ident,)*
    }) => {
        #[derive(Debug, Default)]
        pub(crate) struct $live { $(pub(crate) $count: Count,)* }

        impl $live {
            #[allow(unused_variables, reason = "there are groups in which nothing is dropped")]
            fn snapshot(&self, drops: &Drops) -> $shown {
                $shown {
                    $($count: self.$count.get(),)*
                    $($drop: drops.count(Reason::$reason),)*
                }
            }
        }

        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
        pub struct $shown {
            $($(#[$count_doc])* pub $count: u64,)*
            $($(#[$drop_doc])* pub $drop: u64,)*
        }
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
        /// Refused as from the future ([`Rejection::FromTheFuture`](crate::Rejection::FromTheFuture)),
        /// and kept until their time comes.
        early,
        /// Kept until their time had come, and new then; among `new`.
        late,
    } drops {}
}

counters! {
    /// Envelopes refused, one counter for each [`Rejection`](crate::Rejection).
    RejectedCounters => RejectedStats {} drops {
        /// [`Rejection::ZeroTtl`](crate::Rejection::ZeroTtl).
        zero_ttl: ZeroTtl,
        /// [`Rejection::TtlBeyondExpiry`](crate::Rejection::TtlBeyondExpiry).
        ttl_beyond_expiry: TtlBeyondExpiry,
        /// [`Rejection::FromTheFuture`](crate::Rejection::FromTheFuture).
        from_the_future: FromTheFuture,
        /// [`Rejection::Expired`](crate::Rejection::Expired).
        expired: Expired,
        /// [`Rejection::VeryOld`](crate::Rejection::VeryOld).
        very_old: VeryOld,
        /// [`Rejection::TooLarge`](crate::Rejection::TooLarge).
        too_large: TooLarge,
        /// [`Rejection::LowWork`](crate::Rejection::LowWork).
        low_work: LowWork,
        /// [`Rejection::OutsideBloom`](crate::Rejection::OutsideBloom).
        outside_bloom: OutsideBloom,
        /// [`Rejection::PoolFull`](crate::Rejection::PoolFull).
        pool_full: PoolFull,
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
        /// Direct messages taken from trusted peers.
        direct_received,
        /// Direct messages sent.
        direct_sent,
        /// Requests handed to the mail server that reads them here.
        requests_taken,
    } drops {
        /// Packets of a code this node does not know.
        unknown_code: UnknownCode,
        /// Status packets after the first.
        second_status: SecondStatus,
        /// Requests to a mail server, which this node is not.
        requests_ignored: RequestIgnored,
        /// Requests to the mail server that reads them here, which had too many already.
        requests_full: RequestsFull,
        /// Direct messages from peers that are not trusted.
        direct_untrusted: DirectUntrusted,
        /// Direct messages from trusted peers that were larger than the node's limit.
        direct_too_large: DirectTooLarge,
    }
}

counters! {
    /// Limits on what peers send, and on what they are sent: see [`RateLimits`](crate::RateLimits).
    LimitCounters => LimitStats {
        /// Well-formed envelopes in the packets that were dropped.
        envelopes,
        /// Packets beyond the limits that were read all the same: a peer's requirements, and the like.
        spared,
        /// How often this node waited because a peer wants to be sent no more.
        waits,
    } drops {
        /// Packets dropped because their peer had sent as much as it may.
        over_peer: OverPeerLimit,
        /// Packets dropped because the peers of their IP address had sent as much as they may.
        over_ip: OverIpLimit,
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
    } drops {}
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
        /// Rate limits that peers announced after their status.
        rates,
    } drops {
        /// Acknowledgements of bundles, and answers to them, that the peer was not sent, or long ago.
        unexpected: Unexpected,
        /// Acknowledgements that were not sent, for want of room in what waits to be sent.
        acks_unsent: AckUnsent,
        /// Requests of mail servers to copy from this node, which is none.
        sync_requests_ignored: SyncRequestIgnored,
        /// Answers to such, which this node did not ask for.
        sync_responses_ignored: SyncResponseIgnored,
        /// Answers of mail servers, which this node did not ask for.
        completions_ignored: CompletionIgnored,
        /// Packets of all these kinds that were malformed, and requests to a mail server.
        malformed: MalformedExtension,
    }
}

counters! {
    /// Sessions cut by this node, one counter for each kind of breach of the protocol.
    FaultCounters => FaultStats {} drops {
        /// The first packet was not a status.
        not_status: NotStatus,
        /// No status in time.
        status_timeout: StatusTimeout,
        /// A status that says nothing, as Parity's.
        empty_status: EmptyStatus,
        /// A status that is not a list with a version.
        malformed_status: MalformedStatus,
        /// A status of another version than the one agreed on.
        wrong_version: WrongVersion,
        /// Both ends were light clients, and the node is to refuse that.
        both_light: BothLight,
        /// A work requirement that is no number, infinite or negative.
        bad_work: BadWork,
        /// A bloom of another length than 64 bytes.
        bad_bloom: BadBloom,
        /// A packet whose body is not the one its code demands.
        malformed_packet: MalformedPacket,
        /// A bundle with a malformed envelope.
        malformed_envelope: MalformedEnvelope,
        /// A packet beyond [`MAX_MESSAGE_SIZE`](crate::MAX_MESSAGE_SIZE).
        packet_too_large: PacketTooLarge,
        /// More beyond the limits on what peers may send than is tolerated.
        over_limit: OverLimit,
    }
}

counters! {
    /// Posts by how they ended ([`Ending`]).
    PostCounters => PostStats {
        /// [`Ending::Delivered`].
        delivered,
        /// [`Ending::Refused`].
        refused,
        /// [`Ending::Left`].
        left,
        /// [`Ending::Nobody`].
        nobody,
        /// [`Ending::Expired`].
        expired,
        /// [`Ending::Evicted`].
        evicted,
        /// [`Ending::Untracked`].
        untracked,
        /// [`Ending::Stopped`].
        stopped,
    } drops {}
}

impl PostCounters {
    pub(crate) fn count(&self, ending: &Ending) {
        match ending {
            Ending::Delivered { .. } => &self.delivered,
            Ending::Refused { .. } => &self.refused,
            Ending::Left { .. } => &self.left,
            Ending::Nobody(_) => &self.nobody,
            Ending::Expired { .. } => &self.expired,
            Ending::Evicted { .. } => &self.evicted,
            Ending::Untracked => &self.untracked,
            Ending::Stopped => &self.stopped,
        }
        .one();
    }
}

counters! {
    /// Opening of envelopes and delivery to mailboxes.
    DeliveryCounters => DeliveryStats {
        /// Envelopes opened by the key of some filter.
        opened,
        /// Messages put into mailboxes, one for each filter.
        delivered,
        /// Filters removed because nobody asked for their messages.
        idle_filters,
    } drops {
        /// Broadcast envelopes dropped because the message queue was full.
        message_queue_full: MessageQueueFull,
        /// Direct messages dropped because the p2p queue was full.
        direct_queue_full: DirectQueueFull,
        /// Envelopes that some filter's topics matched but no filter's key opened.
        not_opened: NotOpened,
        /// Envelopes that a key opened and whose content was malformed. Only a holder of the key
        /// can make those.
        malformed: Malformed,
        /// Messages that a filter's key opened and its signer or minimum work refused.
        not_matching: NotMatching,
        /// Messages that lay in the mailbox already.
        repeated: Repeated,
        /// Messages dropped from full mailboxes, the oldest first.
        mailbox_full: MailboxFull,
    }
}

/// What the relay did. Kept by the pure machine itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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
    pub(crate) limits: LimitCounters,
    pub(crate) work: WorkCounters,
    pub(crate) extensions: ExtensionCounters,
    pub(crate) faults: FaultCounters,
    pub(crate) delivery: DeliveryCounters,
    pub(crate) posts: PostCounters,
    pub(crate) drops: Drops,
}

impl Counters {
    pub(crate) fn snapshot(&self, relay: RelayStats) -> Stats {
        let drops = &self.drops;
        Stats {
            envelopes: self.envelopes.snapshot(drops),
            rejected: self.rejected.snapshot(drops),
            relay,
            sessions: self.sessions.snapshot(drops),
            limits: self.limits.snapshot(drops),
            work: self.work.snapshot(drops),
            extensions: self.extensions.snapshot(drops),
            faults: self.faults.snapshot(drops),
            delivery: self.delivery.snapshot(drops),
            posts: self.posts.snapshot(drops),
        }
    }
}

/// All counters of the node's Whisper at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Envelopes by what became of them on arrival.
    pub envelopes: EnvelopeStats,
    /// Envelopes refused, by reason.
    pub rejected: RejectedStats,
    /// What the relay did.
    pub relay: RelayStats,
    /// Sessions, and packets put aside.
    pub sessions: SessionStats,
    /// Limits on what peers send and are sent.
    pub limits: LimitStats,
    /// Work under the rules of others.
    pub work: WorkStats,
    /// Packets beyond EIP-627.
    pub extensions: ExtensionStats,
    /// Sessions cut by this node, by reason.
    pub faults: FaultStats,
    /// Opening and delivery.
    pub delivery: DeliveryStats,
    /// Posts by how they ended.
    pub posts: PostStats,
}

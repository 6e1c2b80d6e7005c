//! Counters: everything that is dropped, rejected or disconnected has one.
//!
//! To add a counter, add a line to the table below and count it with `Counters::one`; to add a drop reason, add a line
//! under `drop` and record it with `Counters::record`. Metrics and JSON follow from the table. Counters only grow, and
//! start at zero with the node.

pub(crate) mod counters;
mod table;
pub(crate) mod timings;

use p2p_mux::{Metric, Sample};
use serde::Serialize;
use table::{label, metric, metric_help, name, stats};

/// One group of counters with their present values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatsGroup {
    /// The field of [`Stats`].
    pub name: &'static str,
    /// The label that tells the counters apart if they are one metric; `None` if each is a metric of its own.
    pub label: Option<&'static str>,
    /// What is counted, in one line.
    pub help: &'static str,
    /// The counters of the group.
    pub counters: Vec<StatsCounter>,
}

/// One counter with its present value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatsCounter {
    /// The name, unique in its group.
    pub name: &'static str,
    /// What is counted, in one line.
    pub help: &'static str,
    /// The metric under which it is published.
    pub metric: Metric,
    /// How often it happened since the node started.
    pub value: u64,
}

impl Stats {
    /// Calls `each` with every counter, as metrics systems publish it.
    pub fn for_each_sample(&self, mut each: impl FnMut(&Sample<'_>)) {
        for group in self.groups() {
            for StatsCounter { name, metric, value, .. } in group.counters {
                let label = group.label.map(|label| (label, name));
                each(&Sample { metric, labels: label.as_slice(), value });
            }
        }
    }
}

/// A doc comment as a line without a period.
fn help(doc: &'static str) -> &'static str {
    doc.trim().trim_end_matches('.')
}

stats! {
    /// Envelopes by what became of them on arrival.
    envelopes: EnvelopeStats = "whisper_envelopes" by each {
        count {
            /// Envelopes that arrived from peers in bundles, well formed.
            received: EnvelopesReceived,
            /// Envelopes admitted to the pool, from peers or posted here.
            new: EnvelopesNew,
            /// Envelopes that were already in the pool.
            known: EnvelopesKnown,
            /// Envelopes posted or injected here, among `new`.
            posted: EnvelopesPosted,
            /// Envelopes from the future that are kept until their time comes, among `rejected.from_the_future`.
            early: EnvelopesEarly,
            /// Envelopes that are kept in case the node requires less work or wants more topics, among `rejected.low_work` and
            /// `rejected.outside_bloom`.
            held: EnvelopesHeld,
            /// Envelopes of these two kinds that were new when they were processed again, among `new`.
            late: EnvelopesLate,
        }
    }

    /// Envelopes not admitted to the pool.
    rejected: RejectedStats = "whisper_envelopes_rejected_total" by "reason" {
        drop {
            /// The time to live is zero.
            zero_ttl: ZeroTtl,
            /// By its expiry and time to live the envelope was sent before 1970.
            ttl_beyond_expiry: TtlBeyondExpiry,
            /// The envelope was sent too far in the future.
            from_the_future: FromTheFuture,
            /// The envelope expired a short time ago.
            expired: Expired,
            /// The envelope expired long ago.
            very_old: VeryOld,
            /// The envelope is larger than the node's limit.
            too_large: TooLarge,
            /// The envelope has too little work.
            low_work: LowWork,
            /// The topic is outside the node's bloom.
            outside_bloom: OutsideBloom,
            /// The pool is full of envelopes with more work.
            pool_full: PoolFull,
        }
    }

    /// What the relay and the pool did.
    relay: RelayStats = "whisper_relay" by each {
        kept {
            /// Envelopes sent to peers, counted for each peer.
            sent,
            /// Bundles that these envelopes were sent in.
            bundles,
            /// Envelopes put off because a peer's queue was full. They are sent later if they are still alive.
            deferred,
            /// Envelopes announced to peers over lazy/1, counted for each peer.
            announced,
            /// Announced envelopes that peers were asked for.
            asked,
            /// Requests for announced envelopes that were not answered in time.
            unanswered,
        }
        drop {
            /// The envelope was not sent to a peer because it alone exceeds what every peer accepts in one packet.
            oversized: Oversized,
            /// The envelope left the pool at its expiry.
            expired: EndOfLife,
            /// The envelope was evicted from the full pool for others with more work.
            evicted: Evicted,
        }
    }

    /// Sessions, and packets that were ignored.
    sessions: SessionStats = "whisper_sessions" by each {
        count {
            /// Sessions that began.
            opened: SessionsOpened,
            /// Sessions with a successful exchange of status packets.
            established: SessionsEstablished,
            /// Sessions in which both ends are light clients: neither relays, so only own posts pass between them.
            both_light: SessionsBothLight,
            /// Sessions that ended, for any reason.
            ended: SessionsEnded,
            /// Direct messages accepted from trusted peers.
            direct_received: DirectReceived,
            /// Direct messages sent.
            direct_sent: DirectSent,
            /// Requests passed to the mail server that reads them here.
            requests_taken: RequestsTaken,
        }
        drop {
            /// A packet with a code that this node does not know.
            unknown_code: UnknownCode,
            /// A status packet after the first one.
            second_status: SecondStatus,
            /// A request to a mail server, but this node has none.
            requests_ignored: RequestIgnored,
            /// A request to the mail server of this node, whose queue was full.
            requests_full: RequestsFull,
            /// A direct message from a peer that is not trusted.
            direct_untrusted: DirectUntrusted,
            /// A direct message from a trusted peer that is larger than the node's limit.
            direct_too_large: DirectTooLarge,
        }
    }

    /// The archive of this node.
    archive: ArchiveStats = "whisper_archive" by each {
        count {
            /// Envelopes that were stored in the archive and were not there before.
            stored: ArchivedNew,
            /// Attempts to store envelopes that failed. They are repeated.
            failed: ArchiveFailed,
            /// Queries of clients over archive/1, with those that were refused.
            queries: ArchiveQueries,
            /// Envelopes that were sent to clients over archive/1.
            sent: ArchiveSent,
        }
        drop {
            /// An envelope was not stored: too much waited for the archive, or the archive was given up because it is damaged.
            lost: Unarchived,
        }
    }

    /// Questions of peers what happened to an envelope, over trace/1.
    trace: TraceStats = "whisper_trace" by each {
        count {
            /// Questions that were answered.
            answered: TraceAnswered,
        }
        drop {
            /// A question of a peer that asks too much, answered with nothing.
            refused: TraceRefused,
        }
    }

    /// Limits on what peers send and are sent.
    limits: LimitStats = "whisper_limits" by each {
        count {
            /// Well-formed envelopes in the packets that were dropped.
            envelopes: LimitEnvelopes,
            /// Packets beyond the limits that were read nevertheless, such as a peer's requirements.
            spared: LimitSpared,
            /// Waits because of a peer's rate limit.
            waits: LimitWaits,
        }
        drop {
            /// A packet beyond the limit of its peer.
            over_peer: OverPeerLimit,
            /// A packet beyond the limit of its IP address.
            over_ip: OverIpLimit,
        }
    }

    /// Work under the rules of peers.
    work: WorkStats = "whisper_work" by each {
        count {
            /// Peers whose rule was learned when they disconnected.
            learned: WorkLearned,
            /// Posts sealed under several rules.
            sealed_for_all: WorkSealedForAll,
            /// Posts for which the time was too short under one of several rules.
            sealed_for_one: WorkSealedForOne,
        }
    }

    /// Packets beyond EIP-627.
    extensions: ExtensionStats = "whisper_extensions" by each {
        count {
            /// Bundles that peers acknowledged.
            acks: Acks,
            /// Envelopes that peers reported as refused.
            refused: Refused,
            /// Envelopes refused with a code that means a clock difference in some release, among `refused`.
            refused_for_the_clock: RefusedForTheClock,
            /// Rate limits that peers announced after their status.
            rates: RatesReceived,
        }
        drop {
            /// An acknowledgement or a response for a bundle that the peer was not sent, or too long ago.
            unexpected: Unexpected,
            /// An acknowledgement that was not sent because the send queue was full.
            acks_unsent: AckUnsent,
            /// A request of a mail server to copy from this node, which is none.
            sync_requests_ignored: SyncRequestIgnored,
            /// A response to such a request, which this node never makes.
            sync_responses_ignored: SyncResponseIgnored,
            /// A mail server's answer to a request that this node did not make.
            completions_ignored: CompletionIgnored,
            /// A malformed packet of any of these kinds, or a malformed request to a mail server.
            malformed: MalformedExtension,
        }
    }

    /// Sessions ended because the peer violated the protocol.
    faults: FaultStats = "whisper_faults_total" by "reason" {
        drop {
            /// The first packet was not a status.
            not_status: NotStatus,
            /// No status arrived in time.
            status_timeout: StatusTimeout,
            /// The status was empty, as Parity's is.
            empty_status: EmptyStatus,
            /// The status did not match the format of its dialect.
            malformed_status: MalformedStatus,
            /// The status had another version than the one agreed on.
            wrong_version: WrongVersion,
            /// Both ends were light clients, and this node is configured to refuse that.
            both_light: BothLight,
            /// A work requirement was not a number, infinite or negative.
            bad_work: BadWork,
            /// A bloom was not 64 bytes long.
            bad_bloom: BadBloom,
            /// The body of a packet did not match its code.
            malformed_packet: MalformedPacket,
            /// A bundle contained a malformed envelope. The envelopes before it were processed.
            malformed_envelope: MalformedEnvelope,
            /// A packet was larger than any that is read.
            packet_too_large: PacketTooLarge,
            /// The peer exceeded its limits more often than is tolerated.
            over_limit: OverLimit,
        }
    }

    /// Opening of envelopes and delivery to mailboxes.
    delivery: DeliveryStats = "whisper_delivery" by each {
        count {
            /// Envelopes opened with the key of a filter.
            opened: Opened,
            /// Messages put into mailboxes, counted for each filter.
            delivered: Delivered,
            /// Envelopes that were taken from the pool again, because the message queue had been full when they arrived.
            queue_retried: QueueRetried,
            /// Filters removed because their messages were not fetched.
            idle_filters: IdleFilters,
        }
        drop {
            /// A broadcast envelope was not opened because the message queue was full, and the pool no longer had it when
            /// there was room again.
            message_queue_full: MessageQueueFull,
            /// An envelope expired before it was opened.
            queue_expired: QueueExpired,
            /// A direct message was not opened because the p2p queue was full.
            direct_queue_full: DirectQueueFull,
            /// A filter's topics matched the envelope, but no filter's key opened it.
            not_opened: NotOpened,
            /// A key opened the envelope, but its content was malformed. Only a holder of the key can make those.
            malformed: Malformed,
            /// The signer, the minimum work or the refusal of direct messages of a filter excluded the message.
            not_matching: NotMatching,
            /// The message was already delivered to the mailbox.
            repeated: Repeated,
            /// The message was dropped from a full mailbox, the oldest first; or it alone exceeds the mailbox.
            mailbox_full: MailboxFull,
        }
    }

    /// Posts by how they ended.
    posts: PostStats = "whisper_posts_total" by "ending" {
        count {
            /// Posts that enough peers kept.
            delivered: PostsDelivered,
            /// Posts that no peer kept and at least one refused.
            refused: PostsRefused,
            /// Direct messages whose peer disconnected too early.
            left: PostsLeft,
            /// Posts that were sent to no peer.
            unsent as "nobody": PostsUnsent,
            /// Posts that expired before enough peers kept them.
            expired: PostsExpired,
            /// Posts that were evicted from the pool before enough peers kept them.
            evicted: PostsEvicted,
            /// Posts that are no longer followed because of newer ones.
            untracked: PostsUntracked,
            /// Posts that were open when the node stopped.
            stopped: PostsStopped,
        }
    }
}

impl RelayStats {
    /// The sum of two relays.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            bundles: self.bundles + other.bundles,
            deferred: self.deferred + other.deferred,
            announced: self.announced + other.announced,
            asked: self.asked + other.asked,
            unanswered: self.unanswered + other.unanswered,
            oversized: self.oversized + other.oversized,
            expired: self.expired + other.expired,
            evicted: self.evicted + other.evicted,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_counter_appears_once_with_its_value_and_its_help() {
        let counted = |counter: Counter| counter as u64 + 1000;
        let dropped = |reason: Reason| reason as u64 + 2000;
        let groups = Stats::collect(counted, dropped).groups();
        let counters: Vec<_> = groups
            .iter()
            .flat_map(|group| group.counters.iter().map(|counter| (group.name, *counter)))
            .collect();
        let names: HashSet<_> = counters.iter().map(|(group, it)| (*group, it.name)).collect();
        assert_eq!(names.len(), counters.len());
        let values: HashSet<u64> = counters.iter().map(|(_, it)| it.value).collect();
        assert!(Counter::ALL.iter().all(|counter| values.contains(&counted(*counter))));
        for reason in Reason::ALL {
            let (group, name) = reason.name().split_once('.').unwrap();
            let found = counters.iter().find(|(other, it)| (*other, it.name) == (group, name));
            assert_eq!(found.unwrap().1.value, dropped(*reason), "{reason:?}");
        }
        for (group, counter) in counters {
            assert!(!counter.help.is_empty(), "{group}.{}", counter.name);
        }
    }

    #[test]
    fn the_json_names_are_those_of_the_metrics() {
        let stats = Stats::default();
        let json = serde_json::to_value(stats).unwrap();
        for group in stats.groups() {
            let fields = json[group.name].as_object().unwrap();
            let names: HashSet<_> = group.counters.iter().map(|counter| counter.name).collect();
            assert_eq!(fields.keys().map(String::as_str).collect::<HashSet<_>>(), names);
        }
    }
}

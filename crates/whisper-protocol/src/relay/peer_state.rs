//! What the relay knows about one peer, and what it has still to send to it.

pub(crate) mod known;
pub(crate) mod rescan;
pub(crate) mod skip_reason;

use std::collections::BTreeSet;

use p2p_mux::MemoryCharge;
use whisper_envelope::{Bloom, Topic};
use whisper_pow::Work;

use crate::{
    peers::peer_rule::{PeerRuleState, RuleCheck},
    relay::peer_state::known::{Exchange, KnownEnvelopes},
    relay::peer_state::rescan::Rescan,
    relay::peer_state::skip_reason::SkipReason,
    relay::pool::{Pool, PoolEntry, Ticket},
    wire::PackedEnvelopes,
    wire::packet::Rates,
    wire::status::Status,
};

/// Maximum size of a packet in bytes that every peer accepts. go-ethereum compares the whole packet to its message
/// limit, 1 MiB by default, and disconnects beyond it. The list's header needs a few bytes of that.
pub(crate) const PACKET_LIMIT: usize = 1024 * 1024 - 16;

/// A bundle is closed at this size in bytes, so that an envelope with more work that arrives meanwhile does not wait
/// long, and other sub-protocols of the connection neither. With the list's header this is exactly what `chunk/1`
/// sends in one piece, so that the other end has nothing to put together. A single envelope may exceed it, up to
/// [`PACKET_LIMIT`].
const BUNDLE_TARGET: usize = 32 * 1024 - 16;

/// Maximum number of tickets that are queued for one peer. Beyond that the peer is sent the rest directly from the
/// pool.
const PENDING_LIMIT: usize = 4096;

/// Maximum number of tickets to examine in one call, so that others do not wait long for the lock.
const MAX_EXAMINED: usize = 512;

/// The next envelopes for a peer.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    /// Highest work first; together below the peer's packet limit.
    pub(crate) envelopes: PackedEnvelopes,
    /// The hashes of the node's own envelopes among them.
    pub(crate) own: Vec<[u8; 32]>,
    /// The hashes of envelopes that are skipped for good because each alone exceeds the limit.
    pub(crate) oversized: Vec<[u8; 32]>,
    /// Whether there may be more to send.
    pub(crate) more: bool,
    /// Seconds until a rescan of the pool is allowed or due, if one is pending.
    pub(crate) later: Option<u32>,
}

/// The relay's state of one connected peer. The connection is not here.
#[derive(Debug)]
pub(crate) struct PeerState {
    /// The peer's last status: what it wants.
    status: Status,
    known: KnownEnvelopes,
    /// New envelopes to send, highest work first.
    pending: BTreeSet<Ticket>,
    /// If set: envelopes in the pool at or below this ticket may have been neither sent nor queued. A new peer starts
    /// at the top.
    behind: Option<Ticket>,
    rescan: Rescan,
    deferred: u64,
    rule: PeerRuleState,
}

impl PeerState {
    /// A new peer. It is to be sent everything in the pool that it wants.
    pub(crate) fn new(status: Status, rule: PeerRuleState) -> Self {
        Self {
            status,
            known: KnownEnvelopes::default(),
            pending: BTreeSet::new(),
            behind: Some(Ticket::FIRST),
            rescan: Rescan::default(),
            deferred: 0,
            rule,
        }
    }

    /// Counts the memory of what is known about envelopes.
    pub(crate) fn count_memory(&mut self, memory: MemoryCharge) {
        self.known.count_memory(memory);
    }

    pub(crate) fn status(&self) -> &Status {
        &self.status
    }

    /// Which rule the peer applies to work.
    pub(crate) fn rule(&self) -> &PeerRuleState {
        &self.rule
    }

    /// How often an envelope was put off because too many were pending.
    pub(crate) fn deferred(&self) -> u64 {
        self.deferred
    }

    /// The peer changed the work that it requires. If it requires less than before, it is sent what it did not want so
    /// far.
    pub(crate) fn handle_min_work(&mut self, min_work: Work) {
        if min_work < self.status.min_work {
            self.rescan.request();
        }
        self.status.min_work = min_work;
    }

    /// The peer changed its bloom. If the old one does not contain the new one, it is sent what it did not want so far.
    pub(crate) fn handle_bloom(&mut self, bloom: Bloom) {
        if !self.status.bloom.contains(&bloom) {
            self.rescan.request();
        }
        self.status.bloom = bloom;
    }

    /// The node relays again: the peer is sent everything that it has not been sent.
    pub(crate) fn start_over(&mut self) {
        self.behind = Some(Ticket::FIRST);
    }

    /// The peer changed its rate limits.
    pub(crate) fn handle_rates(&mut self, rates: Rates) {
        self.status.rates = Some(rates);
    }

    /// The peer sent an envelope that is already in the pool.
    pub(crate) fn handle_known(&mut self, ticket: Ticket) {
        self.known.add(ticket.slot(), Exchange::RECEIVED);
    }

    /// The envelope is new in the pool. `sample` is its bloom by [`sample_of`], the same for all peers. `from_it`: this
    /// peer sent it. Returns whether there is something to send.
    pub(crate) fn handle_new(
        &mut self,
        ticket: Ticket,
        entry: &PoolEntry,
        sample: &Bloom,
        from_it: bool,
    ) -> bool {
        self.handle_withheld(ticket, from_it);
        if from_it || !self.wants(entry, sample) {
            return false;
        }
        self.pending.insert(ticket);
        if self.pending.len() > PENDING_LIMIT {
            // The lowest one is found again in the pool.
            self.behind = self.behind.max(self.pending.pop_first());
            self.deferred += 1;
        }
        true
    }

    /// The envelope is new in the pool, but is not to be sent at present.
    pub(crate) fn handle_withheld(&mut self, ticket: Ticket, from_it: bool) {
        let exchange = if from_it { Exchange::RECEIVED } else { Exchange::NOTHING };
        self.known.set(ticket.slot(), exchange);
    }

    /// Takes the next bundle, highest work first. No envelope is returned twice. `own`: only the node's own envelopes.
    pub(crate) fn take_bundle(&mut self, now: u32, pool: &Pool, own: bool) -> Bundle {
        let probed = self.rule.handle_clock(now);
        if probed == Some(0) {
            self.rescan.request();
        }
        if self.rescan.take(now) {
            self.behind = Some(Ticket::FIRST);
        }
        let mut bundle = Bundle::default();
        let waiting = self.pending.len();
        for _ in 0..MAX_EXAMINED {
            let Some(ticket) = self.peek(pool) else {
                self.behind = None;
                bundle.later = self.later(now);
                return bundle;
            };
            if let Some(entry) = pool.get(ticket)
                && entry.expiry() >= now
                && (!own || entry.is_own())
                && !self.known.contains(ticket.slot())
                && self.wants(entry, &sample_of(entry.topic()))
            {
                let (bytes, size) = (bundle.envelopes.bytes(), entry.raw().len());
                if size > PACKET_LIMIT {
                    bundle.oversized.push(entry.hash());
                } else if bytes > 0 && bytes + size > BUNDLE_TARGET {
                    break;
                } else {
                    let expected = waiting.saturating_mul(size).min(BUNDLE_TARGET);
                    bundle.envelopes.push(entry.raw(), expected);
                    if entry.is_own() {
                        bundle.own.push(entry.hash());
                    }
                    self.rule.handle_sent(now, entry.proof(), self.status.min_work);
                }
                self.known.set(ticket.slot(), Exchange::SENT);
            }
            self.skip(pool, ticket);
        }
        bundle.more = true;
        bundle
    }

    /// Seconds until there may be more to send.
    fn later(&mut self, now: u32) -> Option<u32> {
        let probed = self.rule.handle_clock(now).filter(|wait| *wait > 0);
        self.rescan.wait(now).into_iter().chain(probed).min()
    }

    /// The ticket with the highest work, of those queued and those to be found in the pool.
    fn peek(&self, pool: &Pool) -> Option<Ticket> {
        let from_pool = self.behind.and_then(|behind| pool.at_or_below(behind));
        self.pending.last().copied().max(from_pool)
    }

    fn skip(&mut self, pool: &Pool, ticket: Ticket) {
        self.pending.remove(&ticket);
        if self.behind.is_some_and(|behind| behind >= ticket) {
            self.behind = pool.below(ticket);
        }
    }

    /// Whether the peer was sent, or sent, a pooled envelope; and if neither, why it was not sent it.
    pub(crate) fn explain(
        &self,
        ticket: Ticket,
        entry: &PoolEntry,
        sample: &Bloom,
    ) -> (Exchange, Option<SkipReason>) {
        let exchange = self.known.get(ticket.slot());
        // Oversized envelopes are marked as sent, so that they are not examined again.
        if entry.raw().len() > PACKET_LIMIT && !exchange.received {
            return (Exchange::NOTHING, Some(SkipReason::Oversized));
        }
        if exchange != Exchange::NOTHING {
            return (exchange, None);
        }
        let reason = if !self.status.bloom.contains(sample) {
            SkipReason::OutsideBloom
        } else if self.rule.check(entry, self.status.min_work) == RuleCheck::TooLittle {
            SkipReason::LowWork
        } else {
            SkipReason::Pending
        };
        (exchange, Some(reason))
    }

    fn wants(&self, entry: &PoolEntry, sample: &Bloom) -> bool {
        self.rule.check(entry, self.status.min_work) == RuleCheck::Enough
            && self.status.bloom.contains(sample)
    }
}

/// The bloom of an envelope that is compared to the peers' blooms.
///
/// If two bits of a bloom are in the same byte, go-ethereum overwrites one with the other, in the blooms of its peers
/// as well. This is the overwriting form: its bits are a subset of the correct ones, so it is contained in both.
pub(crate) fn sample_of(topic: Topic) -> Bloom {
    Bloom::of_overwriting(topic)
}

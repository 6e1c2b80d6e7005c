//! What the relay knows about one peer, and what it has still to send to it.

pub(crate) mod known;
mod lazy;
pub(crate) mod rescan;
pub(crate) mod skip_reason;

use std::{collections::BinaryHeap, ops::Bound, sync::Arc};

use p2p_mux::MemoryCharge;
use p2p_world::planted::{self, Bug};
use whisper_envelope::{Bloom, Topic};
use whisper_pow::Work;

use crate::{
    peers::peer_rule::{PeerRuleState, RuleCheck},
    relay::feed::{BUNDLE_TARGET, Demand, Segment},
    relay::lazy::announcing::Announcing,
    relay::lazy::spread::Spread,
    relay::peer_state::known::{Exchange, KnownEnvelopes},
    relay::peer_state::rescan::Rescan,
    relay::peer_state::skip_reason::SkipReason,
    relay::pool::live_blocks::LiveBlocks,
    relay::pool::{Pool, PoolEntry, Ticket},
    wire::packet::Rates,
    wire::status::Status,
};

/// Maximum size of a packet in bytes that every peer accepts. go-ethereum compares the whole packet to its message
/// limit, 1 MiB by default, and disconnects beyond it. The list's header needs a few bytes of that.
pub(crate) const PACKET_LIMIT: usize = 1024 * 1024 - 16;

/// Maximum number of tickets that are queued for one peer. Beyond that the lower half of them is found again in the pool.
const PENDING_LIMIT: usize = 4096;

/// Maximum number of tickets to examine in one call, so that others do not wait long for the pool.
const MAX_EXAMINED: usize = 512;

/// The next envelopes for a peer.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    /// Highest work first; together below the peer's packet limit.
    pub(crate) entries: Vec<Arc<PoolEntry>>,
    /// The hashes of envelopes that are skipped for good because each alone exceeds the limit.
    pub(crate) oversized: Vec<[u8; 32]>,
    bytes: usize,
}

impl Chosen {
    /// Whether another envelope of `size` bytes fits.
    fn has_room(&self, size: usize) -> bool {
        self.bytes == 0 || self.bytes + size <= BUNDLE_TARGET
    }

    fn push(&mut self, entry: &Arc<PoolEntry>) {
        self.bytes += entry.raw().len();
        self.entries.push(Arc::clone(entry));
    }
}

/// What a peer may be sent at this moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// In seconds since 1970.
    pub(crate) now: u32,
    /// Only the node's own envelopes, because the node is a light client.
    pub(crate) own_only: bool,
    /// The index of the peer's slot. What came from it is not sent back. The feed has nothing of an earlier peer in it
    /// that is still to be read.
    pub(crate) index: usize,
    /// Number of peers.
    pub(crate) peers: usize,
    /// Bytes in the queue to this peer.
    pub(crate) queued: usize,
    /// How many peers have each envelope; `None` if the node does not use `lazy/1`.
    pub(crate) spread: Option<&'a Spread>,
}

/// The relay's state of one connected peer. The connection is not here.
#[derive(Debug)]
pub(crate) struct PeerState {
    /// The peer's last status: what it wants.
    status: Status,
    known: KnownEnvelopes,
    /// What was read from the feed and is still to be sent, if the peer is far behind.
    pending: BinaryHeap<Ticket>,
    /// If set: envelopes in the pool at or below this ticket may have been neither sent nor queued. A new peer starts
    /// at the top.
    behind: Option<Ticket>,
    /// The number of the first envelope that was not read from the feed.
    cursor: u64,
    rescan: Rescan,
    deferred: u64,
    rule: PeerRuleState,
    /// What the peer was told about this node.
    told: Status,
    /// The requirements of the node that the peer was told last.
    told_version: Option<u64>,
    /// What the peer was announced, if it has `lazy/1`.
    lazy: Option<Box<Announcing>>,
}

impl PeerState {
    /// A new peer. It is to be sent everything in the pool that it wants. `cursor`: the number of the next envelope.
    pub(crate) fn new(status: Status, told: Status, rule: PeerRuleState, cursor: u64) -> Self {
        Self {
            status,
            known: KnownEnvelopes::default(),
            pending: BinaryHeap::new(),
            behind: (!planted::is(Bug::RejoinForgets)).then_some(Ticket::FIRST),
            cursor,
            rescan: Rescan::default(),
            deferred: 0,
            rule,
            told,
            told_version: None,
            lazy: None,
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

    /// What the peer wants, as far as waiting peers are found by it. If it applies a rule of its own to work, it is found
    /// by its bloom alone.
    pub(crate) fn demand(&self) -> Demand {
        let has_own_rule = self.rule.rule().is_some();
        let min_work = if has_own_rule { Work::ZERO } else { self.status.min_work };
        Demand { bloom: self.status.bloom, min_work }
    }

    /// What of `ours` the peer was not told yet. `version` changes whenever `ours` does.
    pub(crate) fn untold(&mut self, version: u64, ours: impl FnOnce() -> Status) -> Option<Untold> {
        if self.told_version == Some(version) {
            return None;
        }
        let Status { min_work, bloom, .. } = ours();
        if self.told.min_work != min_work && !planted::is(Bug::WorkNotSent) {
            self.told.min_work = min_work;
            return Some(Untold::MinWork(min_work));
        }
        if self.told.bloom != bloom && !planted::is(Bug::BloomNotSent) {
            self.told.bloom = bloom;
            return Some(Untold::Bloom(bloom));
        }
        self.told_version = Some(version);
        None
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
        if !self.status.bloom.contains(&bloom) && !planted::is(Bug::BloomWithoutRescan) {
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

    /// The peer sent envelopes that are in the pool.
    pub(crate) fn handle_received(&mut self, numbers: impl IntoIterator<Item = u64>) {
        self.known.add(numbers, Exchange::RECEIVED);
    }

    /// Whether [`forget`](Self::forget) may free memory. `ended`: [`LiveBlocks::ended`].
    pub(crate) fn is_outdated(&self, ended: u64) -> bool {
        self.known.is_outdated(ended)
            || self.lazy.as_ref().is_some_and(|lazy| lazy.marks().is_outdated(ended))
    }

    /// Forgets what is known about envelopes that left the pool.
    pub(crate) fn forget(&mut self, live: &LiveBlocks) {
        self.known.forget(live);
        self.lazy.iter_mut().for_each(|lazy| lazy.forget(live));
    }

    /// Does what is due at `now`. Call it before anything is chosen.
    pub(crate) fn handle_clock(&mut self, now: u32) {
        if self.rule.handle_clock(now) == Some(0) {
            self.rescan.request();
        }
        if self.rescan.take(now) {
            self.behind = Some(Ticket::FIRST);
        }
    }

    /// Where the peer reads on in the feed.
    pub(crate) fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Whether the peer has been sent everything that was read from the feed before.
    pub(crate) fn is_current(&self) -> bool {
        self.behind.is_none() && self.pending.is_empty()
    }

    /// Chooses what the peer wants of segments that fit into one bundle.
    pub(crate) fn choose_from_feed(
        &mut self,
        terms: Terms<'_>,
        segments: &[Arc<Segment>],
    ) -> Chosen {
        let mut chosen = Chosen::default();
        for segment in segments {
            self.cursor = segment.end();
            for (index, entry) in segment.entries().iter().enumerate() {
                if entry.is_from(terms.index) || !self.is_due(terms, entry) {
                    continue;
                }
                let holders = terms.spread.and_then(|spread| spread.get(entry.number()));
                if !self.announces(terms, entry, holders, || segment.hash(index)) {
                    self.choose(terms, entry, &mut chosen);
                }
            }
        }
        if segments.len() > 1 {
            chosen.entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.ticket()));
        }
        chosen
    }

    /// Queues what the peer wants of segments that it is not sent in the order of admission.
    pub(crate) fn queue(&mut self, terms: Terms<'_>, segments: &[Arc<Segment>]) {
        for segment in segments {
            self.cursor = segment.end();
            let others = segment.entries().iter().filter(|entry| !entry.is_from(terms.index));
            let wanted = others.filter(|entry| self.is_due(terms, entry));
            let wanted: Vec<Ticket> = wanted.map(|entry| entry.ticket()).collect();
            self.pending.extend(wanted);
        }
        if self.pending.len() > PENDING_LIMIT {
            let mut sorted = std::mem::take(&mut self.pending).into_sorted_vec();
            let kept = sorted.split_off(sorted.len() - PENDING_LIMIT / 2);
            self.deferred += sorted.len() as u64;
            // The others are found again in the pool.
            self.behind = self.behind.max(sorted.last().copied());
            self.pending = kept.into();
        }
    }

    /// The next envelopes, this many, left the feed before the peer read them: it finds them in the pool.
    pub(crate) fn handle_gap(&mut self, missed: u64) {
        self.deferred += missed;
        self.cursor += missed;
        self.behind = Some(Ticket::FIRST);
    }

    /// Chooses from what is queued and from the pool, highest work first. Returns whether there may be more.
    pub(crate) fn choose_from_pool(&mut self, terms: Terms<'_>, pool: &Pool) -> (Chosen, bool) {
        let mut chosen = Chosen::default();
        let behind = self.behind.map(|behind| pool.descend(Bound::Included(behind)));
        let mut behind = behind.into_iter().flatten().peekable();
        for _ in 0..MAX_EXAMINED {
            let found = behind.peek().map(|entry| entry.ticket());
            let queued = self.pending.peek().copied();
            let Some(ticket) = found.max(queued) else { break };
            let entry =
                if found == Some(ticket) { behind.peek().copied() } else { pool.get(ticket) };
            if let Some(entry) = entry.filter(|entry| self.is_due(terms, entry))
                && !self.announces(terms, entry, None, || entry.hash())
            {
                if !chosen.has_room(entry.raw().len()) {
                    break;
                }
                self.choose(terms, entry, &mut chosen);
            }
            behind.next_if(|entry| entry.ticket() == ticket);
            if queued == Some(ticket) {
                self.pending.pop();
            }
        }
        self.behind = behind.peek().map(|entry| entry.ticket());
        (chosen, !self.is_current())
    }

    /// Chooses an envelope that is due.
    fn choose(&mut self, terms: Terms<'_>, entry: &Arc<PoolEntry>, chosen: &mut Chosen) {
        if entry.raw().len() > PACKET_LIMIT {
            chosen.oversized.push(entry.hash());
        } else {
            chosen.push(entry);
            self.rule.handle_sent(terms.now, entry.proof(), self.status.min_work);
        }
        // Also if it is too large, so that it is not examined again.
        self.known.add([entry.number()], Exchange::SENT);
    }

    /// Whether the peer is to be sent an envelope.
    fn is_due(&self, terms: Terms<'_>, entry: &PoolEntry) -> bool {
        entry.expiry() >= terms.now
            && (!terms.own_only || entry.is_own())
            && !self.known.contains(entry.number())
            && !self.is_announced(entry.number())
            && self.wants(entry)
    }

    /// Seconds until there may be more to send without a new envelope.
    pub(crate) fn later(&mut self, now: u32) -> Option<u32> {
        let probed = self.rule.handle_clock(now).filter(|wait| *wait > 0);
        self.rescan.wait(now).into_iter().chain(probed).min()
    }

    /// Whether the peer was sent, or sent, a pooled envelope; and if neither, why it was not sent it.
    pub(crate) fn explain(&self, entry: &PoolEntry) -> (Exchange, Option<SkipReason>) {
        let exchange = self.known.get(entry.number());
        // Oversized envelopes are marked as sent, so that they are not examined again.
        if entry.raw().len() > PACKET_LIMIT && !exchange.received {
            return (Exchange::NOTHING, Some(SkipReason::Oversized));
        }
        let by_peer = self.lazy.as_ref().is_some_and(|it| it.marks().get(entry.number()).received);
        if exchange != Exchange::NOTHING || by_peer {
            let exchange = Exchange { received: exchange.received || by_peer, ..exchange };
            return (exchange, None);
        }
        let lazy = self.lazy.as_ref();
        let reason = if lazy.is_some_and(|lazy| lazy.is_wanted(entry.ticket())) {
            SkipReason::Asked
        } else if self.is_announced(entry.number()) {
            SkipReason::Announced
        } else if !self.has_topic(entry.topic()) {
            SkipReason::OutsideBloom
        } else if self.rule.check(entry, self.status.min_work) == RuleCheck::TooLittle {
            SkipReason::LowWork
        } else {
            SkipReason::Pending
        };
        (exchange, Some(reason))
    }

    fn wants(&self, entry: &PoolEntry) -> bool {
        self.rule.check(entry, self.status.min_work) == RuleCheck::Enough
            && self.has_topic(entry.topic())
    }

    /// Whether the peer's bloom contains that of the topic.
    ///
    /// If two bits of a bloom are in the same byte, go-ethereum overwrites one with the other, in the blooms of its peers
    /// as well. The overwriting form is used here: its bits are a subset of the correct ones, so it is contained in both.
    fn has_topic(&self, topic: Topic) -> bool {
        self.status.bloom.matches(topic)
    }
}

/// What a peer was not told yet about this node.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Untold {
    MinWork(Work),
    Bloom(Bloom),
}

//! What the node knows of one peer and has still to send it.

use std::collections::BTreeSet;

#[cfg(feature = "schema")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use whisper_envelope::{Bloom, Topic};
use whisper_pow::Work;

use crate::{
    delivery::rescan::Rescan,
    relay::gauge::Gauge,
    relay::known::{Known, Passed},
    relay::pool::{Entry, Pool, Ticket},
    wire::Packed,
    wire::packet::Rates,
    wire::status::Status,
};

/// The largest packet that any peer takes for sure. go-ethereum compares the whole packet to its
/// limit on a message, 1 MiB unless its operator changed it, and cuts the connection beyond; a
/// little room is left for the list's header.
pub(crate) const PACKET_LIMIT: usize = 1024 * 1024 - 16;

/// A bundle is closed at this size, so that an envelope with more work that arrives meanwhile does
/// not wait long, and other sub-protocols of the connection neither. With the list's header it is
/// just what `chunk/1` sends in one piece, so that nothing has to be put together at the other end.
/// A single envelope may exceed it, up to [`PACKET_LIMIT`].
const BUNDLE_TARGET: usize = 32 * 1024 - 16;

/// How many tickets wait for one peer at most. Beyond it the peer is sent what it missed straight
/// from the pool.
const PENDING_LIMIT: usize = 4096;

/// How many tickets are looked at in one go, so that nobody else waits long for the lock.
const LOOKS: usize = 512;

/// What a look at a peer's pending envelopes brought.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    /// Highest work first; together below the peer's packet limit.
    pub(crate) envelopes: Packed,
    /// The hashes of those that were made here.
    pub(crate) own: Vec<[u8; 32]>,
    /// The hashes of those that were skipped for good because one alone is beyond the limit.
    pub(crate) oversized: Vec<[u8; 32]>,
    /// There may be more to send.
    pub(crate) more: bool,
    /// There will be more to look at after so many seconds.
    pub(crate) later: Option<u32>,
}

/// Why a peer was not sent an envelope that is in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(JsonSchema))]
pub enum NotSent {
    /// Its topic is outside of what the peer asks for.
    #[serde(rename = "bloom")]
    OutsideBloom,
    /// Its work is below what the peer demands, under the peer's rule as far as that is known.
    #[serde(rename = "work")]
    LowWork,
    /// It alone is more than any peer takes in one packet.
    #[serde(rename = "size")]
    Oversized,
    /// This node is a light client, which sends only what was made here.
    #[serde(rename = "light")]
    LightClient,
    /// Its turn has not come: others have more work, or the peer is slow to read.
    #[serde(rename = "pending")]
    Pending,
}

/// A connected peer, without its connection.
#[derive(Debug)]
pub(crate) struct Peer {
    /// What it wants, as it said last.
    status: Status,
    known: Known,
    /// New envelopes that it is to be sent, highest work first.
    pending: BTreeSet<Ticket>,
    /// Where there is something: at or below this ticket, envelopes in the pool may have been
    /// neither sent nor queued. A peer that has just come starts at the top.
    behind: Option<Ticket>,
    rescan: Rescan,
    deferred: u64,
    gauge: Gauge,
}

impl Peer {
    /// A peer that has just come, and that wants what is still alive.
    pub(crate) fn new(status: Status, gauge: Gauge) -> Self {
        Self {
            status,
            known: Known::default(),
            pending: BTreeSet::new(),
            behind: Some(Ticket::FIRST),
            rescan: Rescan::default(),
            deferred: 0,
            gauge,
        }
    }

    pub(crate) fn status(&self) -> &Status {
        &self.status
    }

    /// By which rule it counts work.
    pub(crate) fn gauge(&self) -> &Gauge {
        &self.gauge
    }

    /// How often an envelope was put off because too many were pending.
    pub(crate) fn deferred(&self) -> u64 {
        self.deferred
    }

    /// The peer changed the work it demands. If that is less than before, it is sent what it did
    /// not want so far.
    pub(crate) fn handle_min_work(&mut self, min_work: Work) {
        if min_work < self.status.min_work {
            self.rescan.want();
        }
        self.status.min_work = min_work;
    }

    /// The peer changed its bloom. If that is not narrower than before, it is sent what it did not
    /// want so far.
    pub(crate) fn handle_bloom(&mut self, bloom: Bloom) {
        if !self.status.bloom.contains(&bloom) {
            self.rescan.want();
        }
        self.status.bloom = bloom;
    }

    /// The node relays again: the peer is sent what it was not sent so far.
    pub(crate) fn start_over(&mut self) {
        self.behind = Some(Ticket::FIRST);
    }

    /// The peer changed how much it takes.
    pub(crate) fn handle_rates(&mut self, rates: Rates) {
        self.status.rates = Some(rates);
    }

    /// The peer sent an envelope that is in the pool already.
    pub(crate) fn handle_known(&mut self, ticket: Ticket) {
        self.known.add(ticket.slot(), Passed::RECEIVED);
    }

    /// The envelope came into the pool; `sample` is its bloom as [`sample_of`] makes it, the same for
    /// all peers. `from_it`: this peer brought it. Returns whether there is something to send.
    pub(crate) fn handle_new(
        &mut self,
        ticket: Ticket,
        entry: &Entry,
        sample: &Bloom,
        from_it: bool,
    ) -> bool {
        self.handle_withheld(ticket, from_it);
        if from_it || !self.wants(entry, sample) {
            return false;
        }
        self.pending.insert(ticket);
        if self.pending.len() > PENDING_LIMIT {
            // The lowest goes back to where it can be found: the pool.
            self.behind = self.behind.max(self.pending.pop_first());
            self.deferred += 1;
        }
        true
    }

    /// The envelope came into the pool, and is not to be sent as things are.
    pub(crate) fn handle_withheld(&mut self, ticket: Ticket, from_it: bool) {
        let passed = if from_it { Passed::RECEIVED } else { Passed::NOTHING };
        self.known.set(ticket.slot(), passed);
    }

    /// Takes the next bundle, highest work first. Nothing in it is given out a second time.
    /// `own`: only of what was made here.
    pub(crate) fn take_bundle(&mut self, now: u32, pool: &Pool, own: bool) -> Bundle {
        if self.rescan.take(now) {
            self.behind = Some(Ticket::FIRST);
        }
        let mut bundle = Bundle { later: self.rescan.wait(now), ..Bundle::default() };
        let waiting = self.pending.len();
        for _ in 0..LOOKS {
            let Some(ticket) = self.peek(pool) else {
                self.behind = None;
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
                    self.gauge.handle_sent(now, entry.proof(), self.status.min_work);
                }
                self.known.set(ticket.slot(), Passed::SENT);
            }
            self.skip(pool, ticket);
        }
        bundle.more = true;
        bundle
    }

    /// The next ticket in the order of work, from what is pending and from what is still in the
    /// pool.
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

    /// What passed of a pooled envelope between this node and the peer, and if nothing did, why.
    pub(crate) fn explain(
        &self,
        ticket: Ticket,
        entry: &Entry,
        sample: &Bloom,
    ) -> (Passed, Option<NotSent>) {
        let passed = self.known.get(ticket.slot());
        // Those that are too large were marked, so that they are not looked at again.
        if entry.raw().len() > PACKET_LIMIT && !passed.received {
            return (Passed::NOTHING, Some(NotSent::Oversized));
        }
        if passed != Passed::NOTHING {
            return (passed, None);
        }
        let not_sent = if !self.status.bloom.contains(sample) {
            NotSent::OutsideBloom
        } else if self.gauge.work(entry) < self.status.min_work {
            NotSent::LowWork
        } else {
            NotSent::Pending
        };
        (passed, Some(not_sent))
    }

    fn wants(&self, entry: &Entry, sample: &Bloom) -> bool {
        self.gauge.work(entry) >= self.status.min_work && self.status.bloom.contains(sample)
    }
}

/// The bloom of an envelope that peers' blooms are held against. go-ethereum writes the bits of a
/// bloom over each other where two fall into one byte, and so do the blooms of its peers. The test
/// is made with that form: its bits are a subset of the correct ones, so it finds both.
pub(crate) fn sample_of(topic: Topic) -> Bloom {
    Bloom::of_overwriting(topic)
}

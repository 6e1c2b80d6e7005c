//! The machine: datagrams and time in, datagrams and events out.

mod converse;
mod receive;
#[cfg(test)]
mod tests;
mod upkeep;
mod verbs;

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use p2p_identity::{NodeId, Record, RecordError, SecretKey};

use crate::chance::Chance;
use crate::clock::Clock;
use crate::contact::Contacts;
use crate::gate::Gate;
use crate::local::Local;
use crate::lookup::Lookup;
use crate::outbox::Outbox;
use crate::proof::Proofs;
use crate::table::Table;
use crate::{Discv4Config, Event, LookupId, Node, Stats};
use upkeep::Upkeep;

/// How long a packet of ours is valid, in seconds: as in go-ethereum.
const EXPIRATION: u64 = 20;

/// Now, on both clocks.
#[derive(Clone, Copy, Debug)]
struct Moment {
    now: Instant,
    /// Seconds since 1970.
    unix: u64,
}

impl Moment {
    const fn expiration(self) -> u64 {
        self.unix.saturating_add(EXPIRATION)
    }
}

/// A node's part in discv4, without socket, clock and task.
///
/// What goes in: datagrams ([`handle_datagram`](Self::handle_datagram)), time
/// ([`handle_timeout`](Self::handle_timeout), at the moment that
/// [`poll_timeout`](Self::poll_timeout) names), and wishes ([`lookup`](Self::lookup),
/// [`ping`](Self::ping), …). After each of them take what there is with
/// [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event); what nobody takes is
/// bounded, and dropped with a counter.
///
/// `now` is a clock that only goes forward, `unix` the time of day in seconds since 1970; only the
/// expiration of packets depends on the latter.
#[derive(Debug)]
pub struct Discovery {
    config: Discv4Config,
    local: Local,
    gate: Gate,
    table: Table,
    proofs: Proofs,
    contacts: Contacts,
    lookups: BTreeMap<LookupId, Lookup>,
    clock: Clock,
    upkeep: Upkeep,
    chance: Chance,
    out: Outbox,
}

impl Discovery {
    /// A node with this key and record that knows nobody yet. `seed` must be random and is used for
    /// nothing else: whoever knows it knows which targets will be looked for.
    ///
    /// If the configuration has a network id that is not in `record`, the record is replaced by the
    /// next one, which has it.
    ///
    /// # Errors
    ///
    /// [`RecordError::ForeignKey`] if `record` is not of `key`, [`RecordError::TooLong`] if it has no
    /// room for the network id.
    pub fn new(
        now: Instant,
        config: Discv4Config,
        key: SecretKey,
        record: &Record,
        seed: [u8; 32],
    ) -> Result<Self, RecordError> {
        let local = Local::new(&config, key, record)?;
        Ok(Self {
            gate: Gate::new(config.limits, now),
            table: Table::new(local.id().hash()),
            proofs: Proofs::default(),
            contacts: Contacts::default(),
            lookups: BTreeMap::new(),
            clock: Clock::default(),
            upkeep: Upkeep::new(now),
            chance: Chance::new(seed),
            out: Outbox::default(),
            local,
            config,
        })
    }

    /// The id of this node.
    #[must_use]
    pub const fn id(&self) -> NodeId {
        self.local.id()
    }

    /// The record of this node, as others get it.
    #[must_use]
    pub const fn record(&self) -> &Record {
        self.local.record()
    }

    /// The nodes in the table, in no particular order: at most 272, all of which have proven to be
    /// where they are.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.table.iter().map(|entry| &entry.node)
    }

    /// The node, if it is in the table or waits for a place in it.
    #[must_use]
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.table.get(id).map(|entry| &entry.node)
    }

    /// The counters.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.out.stats
    }

    /// The next datagram to be sent, and where to. An IPv4 address is never written as IPv6 here.
    pub fn poll_transmit(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.out.next_datagram()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.out.next_event()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do. It changes with every
    /// input; `None` while there is nothing to wait for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let check = self.table.next_check().map(|entry| entry.check_at);
        [self.contacts.next_deadline(), check, self.next_upkeep()].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant, unix: u64) {
        let at = Moment { now, unix };
        while let Some(id) = self.contacts.due(now) {
            self.time_is_up(at, id);
        }
        self.keep_up(at);
        self.pump(at);
    }
}

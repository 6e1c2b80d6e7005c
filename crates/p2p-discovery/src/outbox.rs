//! What the machine has to give: datagrams, events, numbers.

use core::net::SocketAddr;
use std::collections::VecDeque;

use bytes::Bytes;

use crate::v4::{PacketKind, SealedPacket};
use crate::{DropReason, Event, Stats};

/// How many datagrams wait at most for a driver that does not take them.
const MAX_DATAGRAMS: usize = 4096;

/// How many events wait at most for somebody to take them.
const MAX_EVENTS: usize = 4096;

/// Datagrams to be sent and events to be told, both bounded, and the counters.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    datagrams: VecDeque<(SocketAddr, Bytes)>,
    events: VecDeque<Event>,
    pub(crate) stats: Stats,
}

impl Outbox {
    pub(crate) fn send(&mut self, to: SocketAddr, kind: PacketKind, packet: SealedPacket) {
        if self.datagrams.len() >= MAX_DATAGRAMS {
            self.drop(DropReason::OutboxFull);
            return;
        }
        self.stats.datagrams_out += 1;
        self.stats.bytes_out += packet.bytes.len() as u64;
        self.stats.packets_out[kind.index()] += 1;
        self.datagrams.push_back((to, packet.bytes));
    }

    pub(crate) fn tell(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            self.drop(DropReason::EventsFull);
            return;
        }
        self.events.push_back(event);
    }

    pub(crate) const fn drop(&mut self, reason: DropReason) {
        self.stats.drops.count(reason);
    }

    pub(crate) fn next_datagram(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.datagrams.pop_front()
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

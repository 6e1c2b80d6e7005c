//! The outputs of the machine: datagrams, events and counters.

use core::net::SocketAddr;
use std::collections::VecDeque;

use bytes::Bytes;

use crate::event::Event;
use crate::stats::{DropReason, Stats};
use crate::v4::{PacketKind, SealedPacket};

/// Maximum number of queued datagrams.
const MAX_DATAGRAMS: usize = 4096;

/// Maximum number of queued events.
const MAX_EVENTS: usize = 4096;

/// Queues of datagrams and events, both bounded, and the counters.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    datagrams: VecDeque<(SocketAddr, Bytes)>,
    events: VecDeque<Event>,
    pub(super) stats: Stats,
}

impl Outbox {
    pub(super) fn push_datagram(&mut self, to: SocketAddr, kind: PacketKind, packet: SealedPacket) {
        if self.datagrams.len() >= MAX_DATAGRAMS {
            self.drop(DropReason::OutboxFull);
            return;
        }
        self.stats.datagrams_out += 1;
        self.stats.bytes_out += packet.bytes.len() as u64;
        self.stats.packets_out[kind.index()] += 1;
        self.datagrams.push_back((to, packet.bytes));
    }

    /// Queues an event, if there is one.
    pub(super) fn push_event(&mut self, event: impl Into<Option<Event>>) {
        let Some(event) = event.into() else { return };
        if self.events.len() >= MAX_EVENTS {
            self.drop(DropReason::EventsFull);
            return;
        }
        self.events.push_back(event);
    }

    /// Counts a drop.
    pub(super) const fn drop(&mut self, reason: DropReason) {
        self.stats.drops.count(reason);
    }

    pub(super) fn next_datagram(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.datagrams.pop_front()
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

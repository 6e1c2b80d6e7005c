//! Ends of a connection that are machines, without tasks.

use std::{task::Waker, time::Instant};

use bytes::{Bytes, BytesMut};
use p2p_mux::{
    Capability, Chunks, Config, Connection, Event, Memory, Message, Offer, Shared, SlotId, Terms,
    negotiate,
    transport::{Opener, Sealer},
};

use super::sessions;

/// Slots `a/1`, `b/1`, ... of 8 codes each, on these terms: ids from 16, 24, ...
pub fn slots(terms: &[Terms]) -> Vec<(Shared, Terms)> {
    let offer = |(name, &terms): (u8, &Terms)| Offer {
        capability: Capability::new(char::from(name), 1),
        length: 8,
        terms,
    };
    let offers: Vec<Offer> = (b'a'..=b'z').zip(terms).map(offer).collect();
    let all: Vec<_> = offers.iter().map(|offer| offer.capability.clone()).collect();
    negotiate(&offers, &all).into_iter().zip(terms.iter().copied()).collect()
}

pub fn message(code: u64, payload: impl Into<Bytes>) -> Message {
    Message { code, payload: payload.into() }
}

/// One end: a machine and the bytes that have come for it.
pub struct End {
    pub machine: Connection,
    pub input: BytesMut,
}

impl End {
    pub fn events(&mut self, now: Instant) -> Vec<Event> {
        std::iter::from_fn(|| self.machine.poll_event(now, &mut self.input)).collect()
    }

    /// The messages that come out for a slot; there must be no other event.
    pub fn messages(&mut self, now: Instant) -> Vec<(SlotId, Message)> {
        let message = |event| match event {
            Event::Message { slot, message } => (slot, message),
            other => panic!("{other:?}"),
        };
        self.events(now).into_iter().map(message).collect()
    }

    pub fn transmit(&mut self) -> BytesMut {
        let mut out = BytesMut::new();
        while self.machine.poll_transmit(&mut out).is_some() {}
        out
    }
}

/// The other end as bare frames.
pub struct Raw {
    pub sealer: Sealer,
    pub opener: Opener,
}

impl Raw {
    pub fn says(&mut self, end: &mut End, code: u64, payload: &[u8]) {
        self.sealer.seal(code, payload, &mut end.input).unwrap();
    }

    /// Everything that the end has to say.
    pub fn hears(&mut self, end: &mut End) -> Vec<(u64, Bytes)> {
        let mut wire = end.transmit();
        std::iter::from_fn(|| self.opener.open(&mut wire).unwrap())
            .map(|message| (message.code, message.payload))
            .collect()
    }
}

pub fn machine_and_raw(terms: &[Terms], now: Instant) -> (End, Raw) {
    let (a, b) = sessions();
    let machine = Connection::new(a, &slots(terms), &Config::default(), now);
    (End { machine, input: BytesMut::new() }, Raw { sealer: b.sealer, opener: b.opener })
}

/// Where `chunk/1` is among `slots`: behind `a/1`, `b/1` and `c/1`, before `d/1`.
pub fn chunks(slots: &[(Shared, Terms)]) -> Option<Chunks> {
    let lower = slots.iter().filter(|(shared, _)| *shared.capability.name < *"chunk");
    let offer = |(shared, terms): &(Shared, Terms)| Offer {
        capability: shared.capability.clone(),
        length: shared.length,
        terms: *terms,
    };
    let offers: Vec<Offer> = lower.map(offer).chain([Chunks::offer()]).collect();
    let all: Vec<_> = offers.iter().map(|offer| offer.capability.clone()).collect();
    Chunks::take(&mut negotiate(&offers, &all))
}

/// Two ends with at most three slots and `chunk/1` behind them, each on its own terms.
pub fn chunked(here: &[Terms], there: &[Terms], now: Instant) -> (End, End) {
    let (a, b) = sessions();
    let end = |session, terms| {
        let slots = slots(terms);
        let machine = Connection::new(session, &slots, &Config::default(), now);
        End { machine: machine.with_chunks(chunks(&slots)), input: BytesMut::new() }
    };
    (end(a, here), end(b, there))
}

/// A machine and a raw peer, with a budget that it shares with others.
pub fn machine_within(memory: &Memory, terms: &[Terms], now: Instant) -> (End, Raw) {
    let (a, b) = sessions();
    let shared = (memory, Waker::noop().clone());
    let machine = Connection::within(shared, a, &slots(terms), &Config::default(), now);
    (End { machine, input: BytesMut::new() }, Raw { sealer: b.sealer, opener: b.opener })
}

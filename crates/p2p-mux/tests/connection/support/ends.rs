//! Ends of a connection as state machines, without tasks.

use std::{task::Waker, time::Instant};

use bytes::{Bytes, BytesMut};
use p2p_mux::{
    Capability, Chunks, Config, Connection, Event, MemoryBudget, Message, Offer, SharedCapability,
    SlotId, SlotSettings, negotiate,
    transport::{Opener, Sealer},
};

use super::sessions;

/// Slots `a/1`, `b/1`, ... with these settings and 8 codes each: message ids from 16, 24, ...
pub(crate) fn slots(settings: &[SlotSettings]) -> Vec<(SharedCapability, SlotSettings)> {
    let offer = |(name, &settings): (u8, &SlotSettings)| Offer {
        capability: Capability::new(char::from(name), 1),
        length: 8,
        settings,
    };
    let offers: Vec<Offer> = (b'a'..=b'z').zip(settings).map(offer).collect();
    let all: Vec<_> = offers.iter().map(|offer| offer.capability.clone()).collect();
    negotiate(&offers, &all).into_iter().zip(settings.iter().copied()).collect()
}

pub(crate) fn message(code: u64, payload: impl Into<Bytes>) -> Message {
    Message { code, payload: payload.into() }
}

/// One end: a state machine and the bytes that have arrived for it.
pub(crate) struct End {
    pub(crate) machine: Connection,
    pub(crate) input: BytesMut,
}

impl End {
    pub(crate) fn events(&mut self, now: Instant) -> Vec<Event> {
        std::iter::from_fn(|| self.machine.poll_event(now, &mut self.input)).collect()
    }

    /// The messages for the slots. There must be no other event.
    pub(crate) fn messages(&mut self, now: Instant) -> Vec<(SlotId, Message)> {
        let message = |event| match event {
            Event::Message { slot, message } => (slot, message),
            other => panic!("{other:?}"),
        };
        self.events(now).into_iter().map(message).collect()
    }

    pub(crate) fn transmit(&mut self) -> BytesMut {
        let mut out = BytesMut::new();
        while self.machine.poll_transmit(&mut out).is_some() {}
        out
    }
}

/// The other end, which sends and receives frames.
pub(crate) struct Raw {
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
}

impl Raw {
    pub(crate) fn send(&mut self, end: &mut End, code: u64, payload: &[u8]) {
        self.sealer.seal(code, payload, &mut end.input).unwrap();
    }

    /// All messages that `end` sends.
    pub(crate) fn receive(&mut self, end: &mut End) -> Vec<(u64, Bytes)> {
        let mut wire = end.transmit();
        std::iter::from_fn(|| self.opener.open(&mut wire).unwrap())
            .map(|message| (message.code, message.payload))
            .collect()
    }
}

pub(crate) fn machine_and_raw(settings: &[SlotSettings], now: Instant) -> (End, Raw) {
    let (a, b) = sessions();
    let machine = Connection::new(a, &slots(settings), &Config::default(), now);
    (End { machine, input: BytesMut::new() }, Raw { sealer: b.sealer, opener: b.opener })
}

/// The message ids of `chunk/1` beside `slots`: after `a/1`, `b/1` and `c/1`, before `d/1`.
pub(crate) fn chunks(slots: &[(SharedCapability, SlotSettings)]) -> Option<Chunks> {
    let lower = slots.iter().filter(|(shared, _)| *shared.capability.name < *"chunk");
    let offer = |(shared, settings): &(SharedCapability, SlotSettings)| Offer {
        capability: shared.capability.clone(),
        length: shared.length,
        settings: *settings,
    };
    let offers: Vec<Offer> = lower.map(offer).chain([Chunks::offer()]).collect();
    let all: Vec<_> = offers.iter().map(|offer| offer.capability.clone()).collect();
    Chunks::take(&mut negotiate(&offers, &all))
}

/// Two ends with at most three slots and `chunk/1`, each with its own settings.
pub(crate) fn chunked(here: &[SlotSettings], there: &[SlotSettings], now: Instant) -> (End, End) {
    let (a, b) = sessions();
    let end = |session, settings| {
        let slots = slots(settings);
        let machine = Connection::new(session, &slots, &Config::default(), now);
        End { machine: machine.with_chunks(chunks(&slots)), input: BytesMut::new() }
    };
    (end(a, here), end(b, there))
}

/// A state machine that shares `memory`, and a raw peer.
pub(crate) fn machine_within(
    memory: &MemoryBudget,
    settings: &[SlotSettings],
    now: Instant,
) -> (End, Raw) {
    let (a, b) = sessions();
    let machine = Connection::new(a, &slots(settings), &Config::default(), now);
    let machine = machine.with_memory(memory, Waker::noop().clone());
    (End { machine, input: BytesMut::new() }, Raw { sealer: b.sealer, opener: b.opener })
}

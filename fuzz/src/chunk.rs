//! Messages in pieces (`chunk/1`, `sec/1`), compared with a simple model that joins the pieces.

use std::{collections::BTreeMap, time::Instant};

use bytes::BytesMut;
use p2p_mux::{
    Capability, Chunks, Config, Connection, Event, Message, Offer, QueueLimits, SlotId,
    SlotSettings,
};
use rlp_codec::{Encodable, encode_list};
use rlpx_transport::{Part, Sealer, SecSettings, Session};

use crate::handshake::{repeatable_sec, sessions};

// The message ids: `chunk/1` has 16 to 18, `echo/1` 19 to 21, `shh/6` 22 to 24.
const CHUNK: u64 = 16;
const ECHO: u64 = 19;
const LENGTH: u64 = 3;

/// The unfinished message of each slot: its id, its length, and the bytes so far.
type Model = BTreeMap<u64, (u64, u64, Vec<u8>)>;

/// A peer, which sends pieces as messages of `chunk/1`, or in the records of `sec/1`.
struct Peer {
    sealer: Sealer,
    has_records: bool,
}

impl Peer {
    /// Sends a whole message.
    fn whole(&mut self, id: u64, payload: &[u8], out: &mut BytesMut) {
        let sealed = self.sealer.seal(id, payload, out);
        sealed.unwrap_or_else(|error| panic!("a payload within the limit: {error}"));
    }

    /// Sends a piece of the message `id`.
    fn piece(&mut self, id: u64, part: Part, data: &[u8], out: &mut BytesMut) {
        if self.has_records {
            let put = self.sealer.put_piece(id, part, data, out);
            put.unwrap_or_else(|error| panic!("a piece within the limit: {error}"));
            return self.sealer.finish(out);
        }
        match part {
            Part::Whole => self.whole(id, data, out),
            Part::Begin { length } => {
                self.whole(CHUNK, &list(&[&id, &(length as u64), &data]), out);
            }
            Part::More => self.whole(CHUNK + 1, &list(&[&id, &data]), out),
            Part::Abort => self.whole(CHUNK + 2, &list(&[&id]), out),
        }
    }
}

/// The input is a list of messages of a peer: pieces, whole messages, and in the end any bytes as a piece. The slots get
/// the messages of the model, and the connection ends at the first error of the model. Over both links.
pub fn chunk(data: &[u8]) {
    for (sec, has_records) in [(SecSettings::off(), false), (repeatable_sec(), true)] {
        let (near, far) = sessions(&sec);
        run(data, connection(near), Peer { sealer: far.sealer, has_records });
    }
}

fn run(data: &[u8], mut connection: Connection, mut peer: Peer) {
    let mut model = Model::new();
    let (now, mut input) = (Instant::now(), BytesMut::new());
    let mut script = data;
    while let Some((&step, rest)) = script.split_first() {
        let (argument, rest) = rest.split_at(rest.len().min(usize::from(step >> 3)));
        script = rest;
        let Some(expected) = send(step & 7, argument, &mut model, &mut peer, &mut input) else {
            // Any bytes: it only must not panic.
            while connection.poll_event(now, &mut input).is_some() {}
            return;
        };
        let received = std::iter::from_fn(|| connection.poll_event(now, &mut input)).next();
        let received = received.map(|event| match event {
            Event::Message { slot, message } => {
                connection.discard(slot, &message);
                (ECHO + slot.0 as u64 * LENGTH + message.code, message.payload.to_vec())
            }
            other => panic!("unexpected event: {other:?}"),
        });
        assert_eq!(connection.closed().is_some(), expected.is_err(), "{:?}", connection.closed());
        let Ok(expected) = expected else { return };
        assert_eq!(received, expected);
        for (slot, stats) in connection.stats().slots.iter().enumerate() {
            let of_model = model.get(&(slot as u64)).map_or(0, |(_, _, has)| has.len() + 64);
            assert_eq!(stats.queued_in, of_model as u64);
        }
    }
    let large = vec![7; 100_000];
    let sent = connection.send(SlotId(1), Message { code: 0, payload: large.into() });
    assert_eq!(sent.is_ok(), connection.closed().is_none());
    while connection.poll_transmit(&mut input).is_some() {}
}

fn connection(session: Session) -> Connection {
    let settings = SlotSettings {
        inbound: QueueLimits { bytes: 1 << 20, items: 4 },
        ..SlotSettings::default()
    };
    let offer = |(name, version)| Offer {
        capability: Capability::new(name, version),
        length: LENGTH,
        settings,
    };
    let offers = [offer(("echo", 1)), offer(("shh", 6)), Chunks::offer()];
    let remote: Vec<Capability> = offers.iter().map(|offer| offer.capability.clone()).collect();
    let mut shared = p2p_mux::negotiate(&offers, &remote);
    let chunks = Chunks::take(&mut shared);
    let slots: Vec<_> = shared.into_iter().map(|shared| (shared, settings)).collect();
    Connection::new(session, &slots, &Config::default(), Instant::now()).with_chunks(chunks)
}

/// A message with its id.
type Received = (u64, Vec<u8>);

/// The peer sends a message. Returns the expected outcome: messages or an error; `None` if any outcome is valid.
fn send(
    step: u8,
    argument: &[u8],
    model: &mut Model,
    peer: &mut Peer,
    input: &mut BytesMut,
) -> Option<Result<Option<Received>, ()>> {
    let (first, rest) = argument.split_first().unwrap_or((&0, &[]));
    // One id below the slots, six in them, one above.
    let id = ECHO - 1 + u64::from(first % 8);
    let slot = (id.checked_sub(ECHO).map(|code| code / LENGTH)).filter(|&slot| slot < 2);
    match step {
        0 | 1 => {
            let (&length, data) = rest.split_first().unwrap_or((&0, &[]));
            peer.piece(id, Part::Begin { length: length.into() }, data, input);
            Some(begin(model, slot.ok_or(()), id, length.into(), data))
        }
        2..=4 => {
            peer.piece(id, Part::More, rest, input);
            Some(add_piece(model, slot.ok_or(()), id, rest))
        }
        5 => {
            peer.piece(id, Part::Abort, &[], input);
            let unfinished = slot.and_then(|slot| model.remove(&slot));
            Some(unfinished.filter(|(begun, ..)| *begun == id).map(|_| None).ok_or(()))
        }
        // The id below the slots is an empty list where a piece should be.
        6 => {
            peer.whole(id, rest, input);
            let fits = slot.filter(|slot| !model.contains_key(slot));
            Some(fits.map(|_| Some((id, rest.to_vec()))).ok_or(()))
        }
        _ => {
            peer.whole(CHUNK + u64::from(first % 3), rest, input);
            None
        }
    }
}

/// Begins a message in the model.
fn begin(
    model: &mut Model,
    slot: Result<u64, ()>,
    id: u64,
    length: u64,
    data: &[u8],
) -> Result<Option<Received>, ()> {
    let in_place = !data.is_empty() && (data.len() as u64) < length;
    let replaced = model.insert(slot?, (id, length, data.to_vec()));
    if in_place && replaced.is_none() { Ok(None) } else { Err(()) }
}

/// Adds a piece in the model. Returns the message if it is complete.
fn add_piece(
    model: &mut Model,
    slot: Result<u64, ()>,
    id: u64,
    data: &[u8],
) -> Result<Option<Received>, ()> {
    let slot = slot?;
    let (begun, length, has) = model.get_mut(&slot).ok_or(())?;
    has.extend_from_slice(data);
    let size = has.len() as u64;
    if *begun != id || data.is_empty() || size > *length {
        return Err(());
    }
    if size < *length {
        return Ok(None);
    }
    Ok(model.remove(&slot).map(|(id, _, has)| (id, has)))
}

fn list(items: &[&dyn Encodable]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_list(&mut out, items);
    out
}

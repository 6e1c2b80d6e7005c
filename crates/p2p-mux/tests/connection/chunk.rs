//! `chunk/1`: large messages in pieces. A state machine with a raw peer, or two state machines.

use std::time::Instant;

use crate::support::{
    self, SECOND,
    ends::{End, Raw, chunked, chunks, machine_and_raw, message},
};
use bytes::{Bytes, BytesMut};
use p2p_mux::{
    ChunkError, CloseReason, DisconnectReason, Event, Message, OnExit, OnOverload, ProtocolBreach,
    QueueLimits, QueueLoad, RestartSettings, SlotEndReason, SlotId, SlotSettings, SlotStats,
    rlp::{Encodable, encode_list},
};

const A: SlotId = SlotId(0);
const B: SlotId = SlotId(1);

/// The message ids of the first codes of `a/1`, `b/1` and `chunk/1`.
const IDS: [u64; 3] = [16, 24, 32];
const BEGIN: u64 = 32;
const MORE: u64 = 33;
const ABORT: u64 = 34;

/// A message id and a payload.
type Sent = (u64, Vec<u8>);

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 7 + place / 251).to_le_bytes()[0]).collect()
}

fn list(items: &[&dyn Encodable]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_list(&mut out, items);
    out
}

fn begin(id: u64, length: u64, data: &[u8]) -> Vec<u8> {
    list(&[&id, &length, &data])
}

fn more(id: u64, data: &[u8]) -> Vec<u8> {
    list(&[&id, &data])
}

/// A state machine with the slots `a/1`, with these settings, and `b/1`, and with `chunk/1`; and a raw
/// peer.
fn end_and_raw(a: SlotSettings) -> (End, Raw, Instant) {
    let now = Instant::now();
    let settings = [a, SlotSettings::default()];
    let (mut end, raw) = machine_and_raw(&settings, now);
    let chunks = chunks(&support::ends::slots(&settings));
    end.machine = end.machine.with_chunks(chunks);
    (end, raw, now)
}

fn narrow(on_overload: OnOverload) -> SlotSettings {
    SlotSettings {
        inbound: QueueLimits { bytes: 1000, items: 4 },
        on_overload,
        ..SlotSettings::default()
    }
}

fn stats(end: &End, slot: SlotId) -> SlotStats {
    end.machine.stats().slots[slot.0].clone()
}

/// How a connection closes after these messages of the peer.
fn close_reason_after(messages: &[Sent]) -> Option<CloseReason> {
    let (mut end, mut raw, now) = end_and_raw(SlotSettings::default());
    for (id, payload) in messages {
        raw.send(&mut end, *id, payload);
    }
    end.events(now);
    let closed = end.machine.closed().cloned();
    if let Some(closed) = &closed {
        let last = raw.receive(&mut end).pop().unwrap();
        assert_eq!((last.0, DisconnectReason::decode(&last.1)), (1, closed.reason().unwrap()));
    }
    closed
}

#[test]
fn messages_of_other_slots_are_sent_between_the_pieces_of_a_large_one() {
    let now = Instant::now();
    let settings = [SlotSettings::default(); 2];
    let (mut here, mut there) = chunked(&settings, &settings, now);
    let large = bytes(300_000);
    here.machine.send(A, message(3, large.clone())).unwrap();
    here.machine.send(A, message(4, "behind")).unwrap();
    here.machine.poll_transmit(&mut there.input).unwrap();
    here.machine.send(B, message(5, "between")).unwrap();
    there.input.extend_from_slice(&here.transmit());
    let expected = [(B, message(5, "between")), (A, message(3, large)), (A, message(4, "behind"))];
    assert_eq!(there.messages(now), expected);

    let (sent, heard) = (stats(&here, A), stats(&there, A));
    assert_eq!(
        (sent.traffic.messages_out, sent.traffic.bytes_out, sent.queued_out),
        (2, 300_006, 0)
    );
    assert_eq!((heard.traffic.messages_in, heard.traffic.bytes_in), (2, 300_006));
    assert_eq!(
        (heard.codes[0].code, heard.codes[0].traffic.bytes_in),
        (3, 300_000),
        "the inner code"
    );
    assert_eq!((sent.pieces_out, heard.pieces_in), (19, 19));
    assert_eq!(heard.queued_in, 300_006 + 2 * 64, "the same size as two whole messages");
    assert_eq!(stats(&there, B).pieces_in, 0);
}

#[test]
fn a_small_message_is_sent_whole() {
    let (mut end, mut raw, _) = end_and_raw(SlotSettings::default());
    end.machine.send(A, message(0, bytes(32 * 1024))).unwrap();
    let ids = |heard: Vec<(u64, Bytes)>| heard.iter().map(|&(id, _)| id).collect::<Vec<_>>();
    assert_eq!(ids(raw.receive(&mut end)), [IDS[0]]);
    end.machine.send(A, message(0, bytes(32 * 1024 + 1))).unwrap();
    let heard = raw.receive(&mut end);
    assert!(heard.iter().all(|(_, payload)| payload.len() <= 32 * 1024));
    assert_eq!(ids(heard), [BEGIN, MORE, MORE]);
}

#[test]
fn the_wire_is_as_specified() {
    let (mut end, mut raw, now) = end_and_raw(SlotSettings::default());
    let payload = bytes(70_000);
    end.machine.send(B, message(1, payload.clone())).unwrap();
    let heard = raw.receive(&mut end);
    let mut at = 0;
    for (number, (id, piece)) in heard.iter().enumerate() {
        let data = &payload[at..payload.len().min(at + 16 * 1024)];
        at += data.len();
        let expected =
            if number == 0 { (BEGIN, begin(25, 70_000, data)) } else { (MORE, more(25, data)) };
        assert_eq!((*id, piece), (expected.0, &Bytes::from(expected.1)));
    }
    assert_eq!(at, 70_000);

    // The example of the specification, with other piece sizes than ours.
    let first = begin(25, 70_000, &payload[..32_000]);
    assert_eq!(first[..12], [0xf9, 0x7d, 0x08, 25, 0x83, 1, 0x11, 0x70, 0xb9, 0x7d, 0, payload[0]]);
    raw.send(&mut end, BEGIN, &first);
    raw.send(&mut end, MORE, &more(25, &payload[32_000..64_000]));
    assert!(end.messages(now).is_empty());
    raw.send(&mut end, MORE, &more(25, &payload[64_000..]));
    assert_eq!(end.messages(now), [(B, message(1, payload))]);
}

#[test]
fn without_chunk_1_messages_are_sent_whole_and_its_ids_are_unknown() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[SlotSettings::default(); 2], now);
    let large = bytes(100_000);
    end.machine.send(A, message(0, large.clone())).unwrap();
    assert_eq!(raw.receive(&mut end), [(16, large.into())]);
    raw.send(&mut end, BEGIN, &begin(16, 10, b"x"));
    end.events(now);
    let unknown = CloseReason::Breach(ProtocolBreach::UnknownCode { code: BEGIN });
    assert_eq!(end.machine.closed(), Some(&unknown));
}

#[test]
fn every_invalid_piece_is_a_breach() {
    let started = || (BEGIN, begin(17, 100, b"some"));
    let cases: [(ChunkError, Vec<Sent>); 17] = [
        (ChunkError::UnknownId { id: 40 }, vec![(BEGIN, begin(40, 100, b"x"))]),
        (ChunkError::UnknownId { id: 1 }, vec![(BEGIN, begin(1, 100, b"x"))]),
        (ChunkError::UnknownId { id: 32 }, vec![(BEGIN, begin(32, 100, b"x"))]),
        (ChunkError::UnknownId { id: 40 }, vec![(MORE, more(40, b"x"))]),
        (ChunkError::Empty, vec![(BEGIN, begin(17, 100, b""))]),
        (ChunkError::Empty, vec![started(), (MORE, more(17, b""))]),
        (ChunkError::TooLong(32_775), vec![(BEGIN, begin(17, 1 << 20, &[1; 32 * 1024 - 4]))]),
        (ChunkError::Overrun { id: 17 }, vec![(BEGIN, begin(17, 4, b"four"))]),
        (ChunkError::Overrun { id: 17 }, vec![(BEGIN, begin(17, 0, b"four"))]),
        (ChunkError::Overrun { id: 17 }, vec![started(), (MORE, more(17, &[0; 97]))]),
        (
            ChunkError::Oversized { length: 1 << 24, limit: 0xff_ffff },
            vec![(BEGIN, begin(17, 1 << 24, b"x"))],
        ),
        (ChunkError::NotBegun { id: 17 }, vec![(MORE, more(17, b"x"))]),
        (ChunkError::NotBegun { id: 18 }, vec![started(), (MORE, more(18, b"x"))]),
        (ChunkError::NotBegun { id: 24 }, vec![started(), (MORE, more(24, b"x"))]),
        (ChunkError::NotBegun { id: 18 }, vec![started(), (ABORT, list(&[&18u64]))]),
        (ChunkError::Unfinished { id: 18 }, vec![started(), (BEGIN, begin(18, 9, b"x"))]),
        (ChunkError::Unfinished { id: 17 }, vec![started(), (17, b"whole".to_vec())]),
    ];
    for (error, messages) in cases {
        assert_eq!(
            close_reason_after(&messages),
            Some(CloseReason::Breach(ProtocolBreach::Chunk(error))),
            "{messages:?}"
        );
    }
    let tail = [begin(17, 100, b"some"), vec![0]].concat();
    let extra = list(&[&17u64, &"data", &1u64]);
    for bad in
        [(BEGIN, vec![]), (BEGIN, tail), (MORE, vec![0xc1]), (MORE, extra), (ABORT, vec![17])]
    {
        let closed = close_reason_after(&[started(), bad.clone()]);
        let malformed = matches!(
            closed,
            Some(CloseReason::Breach(ProtocolBreach::Chunk(ChunkError::Malformed(_))))
        );
        assert!(malformed, "{bad:?}: {closed:?}");
    }
    assert_eq!(close_reason_after(&[started(), (24, b"another slot".to_vec())]), None);
}

#[test]
fn only_bytes_that_have_arrived_count_in_the_budget() {
    let (mut end, mut raw, now) = end_and_raw(narrow(OnOverload::CloseSlot));
    raw.send(&mut end, BEGIN, &begin(16, 0xff_ffff, b"x"));
    assert!(end.messages(now).is_empty());
    assert_eq!(stats(&end, A).queued_in, 65);
    raw.send(&mut end, MORE, &more(16, &[0; 500]));
    assert!(end.messages(now).is_empty());
    assert_eq!(stats(&end, A).queued_in, 565);
    // Larger than the whole budget, but the queue is empty.
    raw.send(&mut end, MORE, &more(16, &[0; 9000]));
    assert!(end.messages(now).is_empty());
    assert_eq!((stats(&end, A).queued_in, end.machine.held()), (1000, None));
}

/// The slot `a` has not taken a message of 600 bytes. 200 bytes of the next message, of 500 bytes, have
/// arrived, and the piece after them is held.
fn stalled(overload: OnOverload) -> (End, Raw, Instant) {
    let (mut end, mut raw, now) = end_and_raw(narrow(overload));
    raw.send(&mut end, 16, &[1; 600]);
    raw.send(&mut end, BEGIN, &begin(17, 500, &[2; 200]));
    raw.send(&mut end, MORE, &more(17, &[2; 200]));
    raw.send(&mut end, 24, b"for b");
    assert_eq!(end.messages(now).len(), 1);
    assert_eq!((end.machine.held(), stats(&end, A).queued_in), (Some(A), 928));
    (end, raw, now)
}

#[test]
fn a_piece_that_does_not_fit_waits_until_the_slot_has_room() {
    let (mut end, mut raw, now) = stalled(OnOverload::CloseSlot);
    end.machine.release(A, QueueLoad { bytes: 664, items: 1 });
    assert_eq!(end.messages(now), [(B, message(0, "for b"))]);
    raw.send(&mut end, MORE, &more(17, &[2; 100]));
    assert_eq!(end.messages(now), [(A, message(1, vec![2; 500]))]);
    end.machine.release(A, QueueLoad { bytes: 564, items: 1 });
    let a = stats(&end, A);
    assert_eq!((a.queued_in, a.drops.overload, end.machine.stats().stalls), (0, 0, 1));
}

#[test]
fn only_the_slot_closes_that_stays_full_in_the_middle_of_a_message() {
    let (mut end, mut raw, now) = stalled(OnOverload::CloseSlot);
    let late = now + 5 * SECOND;
    end.machine.handle_timeout(late);
    let for_b = Event::Message { slot: B, message: message(0, "for b") };
    assert_eq!(end.events(late), [Event::Evicted { slot: A }, for_b]);
    // The rest of that message and the next message are dropped. They are no breach.
    raw.send(&mut end, MORE, &more(17, &[2; 100]));
    raw.send(&mut end, BEGIN, &begin(17, 50, &[3; 20]));
    raw.send(&mut end, MORE, &more(17, &[3; 30]));
    assert!(end.events(late).is_empty());
    let a = stats(&end, A);
    assert_eq!((a.drops.overload, a.drops.closed, a.drops.unfinished), (1, 1, 0));
    assert_eq!((a.traffic.messages_in, a.traffic.bytes_in), (3, 600 + 500 + 50));
    assert_eq!(end.machine.closed(), None);
    // An invalid piece is still a breach.
    raw.send(&mut end, MORE, &more(17, &[3; 30]));
    end.events(late);
    assert!(end.machine.closed().is_some());
}

#[test]
fn a_slot_that_drops_loses_the_message_and_gets_the_next() {
    let (mut end, mut raw, now) = stalled(OnOverload::DropNewest);
    let late = now + 5 * SECOND;
    end.machine.handle_timeout(late);
    assert_eq!(end.messages(late), [(B, message(0, "for b"))]);
    assert_eq!(stats(&end, A).queued_in, 664, "its room is free");
    raw.send(&mut end, MORE, &more(17, &[2; 100]));
    // The slot is still full: the message is dropped from its first piece on.
    raw.send(&mut end, BEGIN, &begin(18, 40, &[3; 20]));
    assert!(end.messages(late).is_empty());
    end.machine.release(A, QueueLoad { bytes: 664, items: 1 });
    raw.send(&mut end, MORE, &more(18, &[3; 20]));
    raw.send(&mut end, BEGIN, &begin(19, 40, &[4; 20]));
    raw.send(&mut end, MORE, &more(19, &[4; 20]));
    assert_eq!(end.messages(late), [(A, message(3, [4; 40].to_vec()))]);
    let a = stats(&end, A);
    assert_eq!((a.drops.overload, a.traffic.messages_in, a.queued_in), (2, 4, 104));
}

#[test]
fn a_slot_can_end_the_connection_on_overload() {
    let (mut end, _, now) = stalled(OnOverload::Disconnect);
    end.machine.handle_timeout(now + 5 * SECOND);
    assert_eq!(end.machine.closed(), Some(&CloseReason::ByUs(DisconnectReason::Subprotocol)));
    assert_eq!(stats(&end, A).drops.overload, 1);
}

#[test]
fn a_slot_that_ends_while_its_piece_is_held_frees_the_connection() {
    let (mut end, mut raw, now) = stalled(OnOverload::CloseSlot);
    end.machine.end_slot(now, A, SlotEndReason::Failed);
    assert_eq!(end.messages(now), [(B, message(0, "for b"))]);
    raw.send(&mut end, MORE, &more(17, &[2; 100]));
    raw.send(&mut end, 24, b"and on");
    assert_eq!(end.messages(now), [(B, message(0, "and on"))]);
    assert_eq!((stats(&end, A).drops.closed, stats(&end, A).queued_in), (1, 0));
}

#[test]
fn a_slot_that_restarts_in_the_middle_of_a_message_gets_the_next() {
    let restart = OnExit::Restart(RestartSettings::default());
    let (mut end, mut raw, now) =
        end_and_raw(SlotSettings { on_exit: restart, ..SlotSettings::default() });
    raw.send(&mut end, BEGIN, &begin(17, 300, &[1; 100]));
    assert!(end.messages(now).is_empty());
    end.machine.end_slot(now, A, SlotEndReason::Panicked);
    assert_eq!((stats(&end, A).drops.closed, stats(&end, A).queued_in), (1, 0));
    raw.send(&mut end, MORE, &more(17, &[1; 100]));
    assert!(end.messages(now).is_empty());
    let later = end.machine.poll_timeout().unwrap();
    end.machine.handle_timeout(later);
    assert_eq!(end.events(later), [Event::Reopened { slot: A }]);
    raw.send(&mut end, MORE, &more(17, &[1; 100]));
    raw.send(&mut end, 16, b"short");
    raw.send(&mut end, BEGIN, &begin(17, 4, b"lon"));
    raw.send(&mut end, MORE, &more(17, b"g"));
    assert_eq!(end.messages(later), [(A, message(0, "short")), (A, message(1, "long"))]);
    let a = stats(&end, A);
    assert_eq!((a.drops.closed, a.traffic.messages_in, a.queued_in), (1, 3, 5 + 4 + 128));
}

#[test]
fn an_aborted_message_is_dropped_and_the_next_is_delivered() {
    let (mut end, mut raw, now) = end_and_raw(SlotSettings::default());
    for _ in 0..3 {
        raw.send(&mut end, BEGIN, &begin(17, 300, &[1; 100]));
        raw.send(&mut end, ABORT, &list(&[&17u64]));
    }
    raw.send(&mut end, 17, b"whole");
    assert_eq!(end.messages(now), [(A, message(1, "whole"))]);
    let a = stats(&end, A);
    assert_eq!((a.drops.unfinished, a.traffic.messages_in, a.queued_in), (3, 1, 69));
    // A message that was already dropped is not counted again.
    raw.send(&mut end, BEGIN, &begin(17, 300, &[1; 100]));
    end.events(now);
    end.machine.end_slot(now, A, SlotEndReason::Returned);
    raw.send(&mut end, ABORT, &list(&[&17u64]));
    end.events(now);
    assert_eq!((stats(&end, A).drops.unfinished, stats(&end, A).drops.closed), (3, 1));
    assert_eq!(end.machine.closed(), None);
}

#[test]
fn a_sub_protocol_that_ends_has_said_what_it_began() {
    let now = Instant::now();
    let settings = [SlotSettings::default()];
    let (mut here, mut there) = chunked(&settings, &settings, now);
    let large = bytes(200_000);
    here.machine.send(A, message(0, large.clone())).unwrap();
    here.machine.poll_transmit(&mut there.input).unwrap();
    here.machine.end_slot(now, A, SlotEndReason::Returned);
    assert_eq!(here.machine.closed(), None, "not before all is said");
    there.input.extend_from_slice(&here.transmit());
    assert_eq!(there.messages(now), [(A, message(0, large))]);
    assert_eq!(
        here.machine.closed(),
        Some(&CloseReason::ByUs(DisconnectReason::Quitting)),
        "chunk/1 is no slot"
    );
    assert_eq!(there.machine.closed(), Some(&CloseReason::ByPeer(DisconnectReason::Quitting)));
}

#[test]
fn the_end_of_the_connection_waits_for_no_piece() {
    let now = Instant::now();
    let settings = [SlotSettings::default()];
    let (mut here, mut there) = chunked(&settings, &settings, now);
    here.machine.send(A, message(0, bytes(200_000))).unwrap();
    here.machine.poll_transmit(&mut there.input).unwrap();
    here.machine.close(DisconnectReason::Requested);
    there.input.extend_from_slice(&here.transmit());
    assert!(there.events(now).is_empty());
    assert_eq!(there.machine.closed(), Some(&CloseReason::ByPeer(DisconnectReason::Requested)));
    assert_eq!(stats(&here, A).drops.unsent, 1);
    assert_eq!((stats(&there, A).drops.unfinished, stats(&there, A).traffic.messages_in), (1, 0));
}

#[test]
fn two_large_messages_share_the_line() {
    let now = Instant::now();
    let settings = [SlotSettings::default(), SlotSettings { weight: 3, ..SlotSettings::default() }];
    let (mut here, mut there) = chunked(&settings, &settings, now);
    here.machine.send(A, message(0, bytes(1_000_000))).unwrap();
    here.machine.send(B, message(0, bytes(1_000_000))).unwrap();
    let mut wire = BytesMut::new();
    let mut from_a = 0;
    while stats(&here, B).traffic.messages_out == 0 {
        from_a += u32::from(here.machine.poll_transmit(&mut wire).unwrap().slot == Some(A));
    }
    let share = f64::from(from_a * 16 * 1024) / 1e6;
    assert!((0.28..=0.38).contains(&share), "one to three: {share}");
    while here.machine.poll_transmit(&mut wire).is_some() {}
    there.input = wire;
    let heard: Vec<_> = there.messages(now).into_iter().map(|(slot, _)| slot).collect();
    assert_eq!(heard, [B, A]);
}

/// The largest possible payload, which Snappy enlarges.
#[test]
fn a_payload_that_does_not_fit_a_frame_when_compressed_is_sent_in_pieces() {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    let now = Instant::now();
    let wide = QueueLimits { bytes: 32 << 20, items: 4 };
    let settings = [SlotSettings { inbound: wide, ..SlotSettings::default() }];
    let mut payload = vec![0; p2p_mux::MAX_MESSAGE];
    StdRng::seed_from_u64(7).fill(&mut payload[..]);
    let (a, b) = support::sessions();
    let slots = support::ends::slots(&settings);
    let end = |mut session: p2p_mux::transport::Session| {
        session.sealer.enable_snappy();
        session.opener.enable_snappy();
        let machine = p2p_mux::Connection::new(session, &slots, &p2p_mux::Config::default(), now);
        End { machine: machine.with_chunks(chunks(&slots)), input: BytesMut::new() }
    };
    let (mut here, mut there) = (end(a), end(b));
    here.machine.send(A, message(0, payload.clone())).unwrap();
    there.input = here.transmit();
    let [(A, Message { payload: heard, .. })] = &there.messages(now)[..] else { panic!("one") };
    assert!(*heard == payload);
    assert_eq!(stats(&here, A).drops.too_large, 0);
}

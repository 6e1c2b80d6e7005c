//! Connections over `sec/1`: pieces share records, and large messages are cut.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use p2p_mux::{
    Chunks, CloseReason, Config, Connection, HelloExchangeError, Message, ProtocolBreach, SlotId,
    SlotSettings, exchange_hello,
    transport::{FrameError, Link, MAX_PIECE, Part, Session},
};

use crate::support::{
    ends::{End, Raw, chunks, message, slots},
    idle, local, plain_streams, sec_sessions, streams,
};

const A: SlotId = SlotId(0);
const B: SlotId = SlotId(1);

fn end(session: Session, settings: &[SlotSettings], now: Instant) -> End {
    let machine = Connection::new(session, &slots(settings), &Config::default(), now);
    End { machine, input: BytesMut::new() }
}

fn ends(settings: &[SlotSettings], now: Instant) -> (End, End) {
    let (here, there) = sec_sessions();
    (end(here, settings, now), end(there, settings, now))
}

fn end_and_raw(now: Instant) -> (End, Raw) {
    let (here, there) = sec_sessions();
    let raw = Raw { sealer: there.sealer, opener: there.opener };
    (end(here, &[SlotSettings::default(); 2], now), raw)
}

fn bytes(size: usize) -> Bytes {
    (0..size).map(|at| at.to_le_bytes()[0]).collect()
}

#[test]
fn small_messages_of_all_slots_share_a_record() {
    let now = Instant::now();
    let (mut here, mut there) = ends(&[SlotSettings::default(); 2], now);
    let mut expected = Vec::new();
    for code in 0..8 {
        for slot in [A, B] {
            let sent = message(code, vec![0x5a; 64]);
            here.machine.send(slot, sent.clone()).unwrap();
            expected.push((slot, sent));
        }
    }
    assert!(!here.machine.is_flushed());
    there.input = here.transmit();
    assert!(here.machine.is_flushed());
    let mut heard = there.messages(now);
    heard.sort_by_key(|(slot, message)| (message.code, *slot));
    assert_eq!(heard, expected);
    let records = (here.machine.stats().records_out, there.machine.stats().records_in);
    assert_eq!(records, (1, 1));
}

#[test]
fn messages_of_other_slots_are_sent_between_the_pieces_of_a_large_one() {
    let now = Instant::now();
    let (mut here, mut there) = ends(&[SlotSettings::default(); 2], now);
    let large = bytes(300_000);
    here.machine.send(A, message(3, large.clone())).unwrap();
    here.machine.send(A, message(4, "behind")).unwrap();
    here.machine.poll_transmit(&mut there.input).unwrap();
    here.machine.send(B, message(5, "between")).unwrap();
    there.input.extend_from_slice(&here.transmit());
    let expected = [(B, message(5, "between")), (A, message(3, large)), (A, message(4, "behind"))];
    assert_eq!(there.messages(now), expected);
    let (sent, heard) = (here.machine.stats(), there.machine.stats());
    assert_eq!((sent.slots[0].pieces_out, heard.slots[0].pieces_in), (19, 19));
    assert_eq!(sent.slots[0].traffic.bytes_out, 300_006);
    assert_eq!((sent.records_out, heard.records_in), (20, 20), "the small ones share one");
}

#[test]
fn what_was_read_before_the_machine_took_over_is_not_lost() {
    // The peer sends its Hello and its first messages in one record.
    let now = Instant::now();
    let (mut here, mut there) = sec_sessions();
    let mut wire = BytesMut::new();
    for code in [0, 16, 24] {
        there.sealer.put(code, b"data", &mut wire).unwrap();
    }
    there.sealer.finish(&mut wire);
    assert_eq!(here.opener.open(&mut wire).unwrap().unwrap().code, 0);
    let mut end = end(here, &[SlotSettings::default(); 2], now);
    assert_eq!(end.messages(now), [(A, message(0, "data")), (B, message(0, "data"))]);
}

/// How a connection closes after these pieces of the peer.
fn close_reason_after(pieces: &[(u64, Part, usize)]) -> Option<CloseReason> {
    let now = Instant::now();
    let (mut end, mut raw) = end_and_raw(now);
    for &(code, part, size) in pieces {
        raw.sealer.put_piece(code, part, &bytes(size), &mut end.input).unwrap();
    }
    raw.sealer.finish(&mut end.input);
    end.events(now);
    end.machine.closed().cloned()
}

#[test]
fn pieces_that_belong_nowhere_end_the_connection() {
    let begin = |length| Part::Begin { length };
    for pieces in [
        vec![(99, begin(10), 4)],
        vec![(1, begin(10), 4)],
        vec![(16, Part::More, 4)],
        vec![(16, Part::Abort, 0)],
        vec![(16, begin(10), 4), (16, begin(10), 4)],
        vec![(16, begin(10), 4), (17, Part::Whole, 4)],
        vec![(16, begin(10), 4), (17, Part::More, 4)],
        vec![(16, begin(10), 4), (16, Part::More, 7)],
        vec![(16, begin(1 << 30), 4)],
    ] {
        let closed = close_reason_after(&pieces);
        assert!(matches!(closed, Some(CloseReason::Breach(_))), "{pieces:?}: {closed:?}");
    }
    let fine = [(16, begin(10), 4), (24, Part::Whole, 4), (16, Part::More, 6), (16, begin(9), 1)];
    assert_eq!(close_reason_after(&fine), None);
    assert_eq!(close_reason_after(&[(16, begin(10), 4), (16, Part::Abort, 0)]), None);
}

#[test]
fn a_broken_record_ends_the_connection() {
    let now = Instant::now();
    let (mut end, mut raw) = end_and_raw(now);
    raw.send(&mut end, 16, b"data");
    let last = end.input.len() - 1;
    end.input[last] ^= 1;
    end.events(now);
    let broken = CloseReason::Breach(ProtocolBreach::Frame(FrameError::Record));
    assert_eq!(end.machine.closed(), Some(&broken));
}

/// Memory is given as bytes arrive, and only once the message is complete is it delivered.
#[test]
fn an_unfinished_message_is_not_delivered() {
    let now = Instant::now();
    let (mut end, mut raw) = end_and_raw(now);
    let begin = Part::Begin { length: 2 * MAX_PIECE };
    raw.sealer.put_piece(16, begin, &bytes(MAX_PIECE), &mut end.input).unwrap();
    raw.sealer.finish(&mut end.input);
    assert_eq!(end.messages(now), []);
    raw.sealer.put_piece(16, Part::More, &bytes(MAX_PIECE), &mut end.input).unwrap();
    raw.sealer.finish(&mut end.input);
    let messages: Vec<Message> =
        end.messages(now).into_iter().map(|(_, message)| message).collect();
    assert_eq!((messages.len(), messages[0].payload.len()), (1, 2 * MAX_PIECE));
}

#[test]
fn chunks_are_ignored_where_records_have_pieces() {
    let now = Instant::now();
    let (session, there) = sec_sessions();
    let (settings, mut raw) =
        ([SlotSettings::default()], Raw { sealer: there.sealer, opener: there.opener });
    let slots = slots(&settings);
    let machine = Connection::new(session, &slots, &Config::default(), now);
    let mut here = End { machine: machine.with_chunks(chunks(&slots)), input: BytesMut::new() };
    here.machine.send(A, message(0, bytes(100_000))).unwrap();
    let arrived: Vec<_> =
        raw.receive(&mut here).iter().map(|(id, data)| (*id, data.len())).collect();
    assert_eq!(arrived, [(16, 100_000)]);
}

#[tokio::test]
async fn hello_announces_chunk_or_sec_over_plain_rlpx_only() {
    let config = Config { announce_sec: true, ..Config::default() };
    let unaware = Config::default();
    let locals = [local(1, &[idle("a", 1)]), local(2, &[idle("a", 1)])];
    for (plain, link) in [(true, false), (false, true)] {
        let (here, there) =
            if plain { plain_streams(64 * 1024).await } else { streams(64 * 1024).await };
        let (here, there) = tokio::join!(
            exchange_hello(here, &locals[0], &config),
            exchange_hello(there, &locals[1], &unaware)
        );
        let (here, there) = (here.unwrap(), there.unwrap());
        assert_eq!((here.link().is_sec(), there.link().is_sec()), (link, link));
        let announced = &there.hello().capabilities;
        let names: Vec<_> = announced.iter().map(ToString::to_string).collect();
        let expected: &[&str] = if plain { &["a/1", "chunk/1", "sec/1"] } else { &["a/1"] };
        assert_eq!(names, expected);
        assert!(!plain || announced.contains(&Chunks::capability()));
        assert_eq!(here.link() == Link::Rlpx, plain);
    }
}

/// Two nodes with `sec/1` notice that it was taken out of their handshake.
#[tokio::test]
async fn two_nodes_that_have_sec_refuse_plain_rlpx() {
    let config = Config { announce_sec: true, ..Config::default() };
    let locals = [local(1, &[idle("a", 1)]), local(2, &[idle("a", 1)])];
    let (here, there) = plain_streams(64 * 1024).await;
    let (here, there) = tokio::join!(
        exchange_hello(here, &locals[0], &config),
        exchange_hello(there, &locals[1], &config)
    );
    assert_eq!(here.unwrap_err(), HelloExchangeError::Downgraded);
    assert_eq!(there.unwrap_err(), HelloExchangeError::Downgraded);
}

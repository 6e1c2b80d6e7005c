//! The state machine of one end with a raw peer. Time is a parameter.

use std::time::Instant;

use crate::support::{
    SECOND,
    ends::{End, Raw, machine_and_raw, message, slots},
    sessions,
};
use bytes::{Bytes, BytesMut};
use p2p_mux::{
    CloseReason, Config, Connection, DisconnectReason, Event, OnExit, OnOverload, ProtocolBreach,
    QueueLimits, QueueLoad, SendError, SlotEndReason, SlotId, SlotSettings, base,
    transport::FrameError,
};

const A: SlotId = SlotId(0);
const B: SlotId = SlotId(1);

/// A state machine with a queue of two messages for slot `a`. The queue is full, and a third message is
/// held.
fn stalled(overload: OnOverload, now: Instant) -> (End, Raw) {
    let narrow = SlotSettings {
        inbound: QueueLimits { bytes: 1000, items: 2 },
        on_overload: overload,
        ..SlotSettings::default()
    };
    let (mut end, mut raw) = machine_and_raw(&[narrow, SlotSettings::default()], now);
    for code in 0..3 {
        raw.send(&mut end, 16 + code, b"for a");
    }
    raw.send(&mut end, 24, b"for b");
    assert_eq!(end.messages(now).len(), 2);
    assert_eq!(end.machine.held(), Some(A));
    assert!(!end.machine.is_reading());
    assert_eq!(end.machine.poll_timeout(), Some(now + 5 * SECOND));
    (end, raw)
}

#[test]
fn codes_are_those_of_the_sub_protocol_at_both_ends() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[SlotSettings::default(); 2], now);
    end.machine.send(A, message(7, "a7")).unwrap();
    end.machine.send(B, message(0, "b0")).unwrap();
    assert_eq!(raw.receive(&mut end), [(23, "a7".into()), (24, "b0".into())]);
    raw.send(&mut end, 23, b"a7");
    raw.send(&mut end, 24, b"b0");
    assert_eq!(end.messages(now), [(A, message(7, "a7")), (B, message(0, "b0"))]);
}

#[test]
fn a_full_slot_holds_one_message_until_there_is_room() {
    let now = Instant::now();
    let (mut end, _raw) = stalled(OnOverload::CloseSlot, now);
    assert!(end.events(now).is_empty());
    end.machine.release(A, QueueLoad { bytes: 69, items: 1 });
    assert_eq!(end.messages(now), [(A, message(2, "for a")), (B, message(0, "for b"))]);
    let stats = end.machine.stats();
    assert_eq!(
        (stats.stalls, stats.slots[0].traffic.messages_in, stats.slots[0].queued_in),
        (1, 3, 138)
    );
    assert_eq!(stats.slots[0].drops.overload, 0);
}

#[test]
fn only_the_slot_closes_that_stays_full() {
    let now = Instant::now();
    let (mut end, mut raw) = stalled(OnOverload::CloseSlot, now);
    let late = now + 5 * SECOND;
    end.machine.handle_timeout(late - SECOND / 100);
    assert_eq!(end.machine.held(), Some(A), "not yet");
    end.machine.handle_timeout(late);
    raw.send(&mut end, 16, b"for a, which has ended");
    let events = end.events(late);
    let for_b = Event::Message { slot: B, message: message(0, "for b") };
    assert_eq!(events, [Event::Evicted { slot: A }, for_b]);
    assert_eq!(end.machine.send(A, message(0, "")), Err(SendError::Closed));
    assert_eq!(end.machine.send(B, message(0, "")), Ok(()));
    let a = &end.machine.stats().slots[0];
    assert_eq!((a.drops.overload, a.drops.closed, a.exits.overloaded), (1, 1, 1));
    assert_eq!(end.machine.closed(), None);
}

#[test]
fn a_slot_that_drops_stalls_the_others_only_once() {
    let now = Instant::now();
    let (mut end, mut raw) = stalled(OnOverload::DropNewest, now);
    let late = now + 5 * SECOND;
    end.machine.handle_timeout(late);
    for _ in 0..10 {
        raw.send(&mut end, 16, b"for a, which is full");
        raw.send(&mut end, 24, b"for b");
    }
    assert_eq!(end.messages(late).len(), 11, "all messages of b, at once");
    assert_eq!(end.machine.stats().slots[0].drops.overload, 11);
    // It gets messages again once half of its room is free.
    end.machine.release(A, QueueLoad { bytes: 69, items: 1 });
    raw.send(&mut end, 17, b"again");
    assert_eq!(end.messages(late), [(A, message(1, "again"))]);
    assert_eq!(end.machine.stats().stalls, 1);
}

#[test]
fn a_slot_can_end_the_connection_on_overload() {
    let now = Instant::now();
    let (mut end, mut raw) = stalled(OnOverload::Disconnect, now);
    end.machine.handle_timeout(now + 5 * SECOND);
    assert_eq!(end.machine.closed(), Some(&CloseReason::ByUs(DisconnectReason::Subprotocol)));
    assert_eq!(raw.receive(&mut end), [(base::DISCONNECT, [0xc1, 0x10].as_slice().into())]);
}

#[test]
fn a_stall_does_not_count_as_silence() {
    let now = Instant::now();
    let wait = Config { stall_limit: 100 * SECOND, ..Config::default() };
    let (a, mut b) = sessions();
    let narrow =
        SlotSettings { inbound: QueueLimits { bytes: 1000, items: 1 }, ..SlotSettings::default() };
    let machine = Connection::new(a, &slots(&[narrow]), &wait, now);
    let mut end = End { machine, input: BytesMut::new() };
    b.sealer.seal(16, b"", &mut end.input).unwrap();
    b.sealer.seal(16, b"", &mut end.input).unwrap();
    assert_eq!(end.messages(now).len(), 1);
    end.machine.handle_timeout(now + 99 * SECOND);
    assert_eq!(end.machine.closed(), None);
    end.machine.release(A, QueueLoad { bytes: 64, items: 1 });
    assert_eq!(end.messages(now + 99 * SECOND).len(), 1);
    end.machine.handle_timeout(now + 128 * SECOND);
    assert_eq!(end.machine.closed(), None);
    end.machine.handle_timeout(now + 129 * SECOND);
    assert_eq!(end.machine.closed(), Some(&CloseReason::ByUs(DisconnectReason::PingTimeout)));
}

#[test]
fn the_connection_ends_after_the_messages_of_its_last_slot() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[SlotSettings::default(); 2], now);
    end.machine.end_slot(now, B, SlotEndReason::Returned);
    assert_eq!(end.machine.closed(), None);
    end.machine.send(A, message(3, "last words")).unwrap();
    end.machine.end_slot(now, A, SlotEndReason::Returned);
    let received = raw.receive(&mut end);
    assert_eq!(
        received,
        [(19, "last words".into()), (base::DISCONNECT, [0xc1, 8].as_slice().into())]
    );
    assert_eq!(end.machine.closed(), Some(&CloseReason::ByUs(DisconnectReason::Quitting)));
    assert!(end.machine.is_flushed());
    assert_eq!(end.machine.poll_timeout(), None);
}

#[test]
fn a_slot_that_failed_determines_the_reason() {
    for ending in [SlotEndReason::Failed, SlotEndReason::Panicked] {
        let now = Instant::now();
        let (mut end, _) = machine_and_raw(&[SlotSettings::default(); 2], now);
        end.machine.end_slot(now, A, ending);
        end.machine.end_slot(now, A, SlotEndReason::Returned); // has no effect
        end.machine.end_slot(now, B, SlotEndReason::Returned);
        assert_eq!(end.machine.closed(), Some(&CloseReason::ByUs(DisconnectReason::Subprotocol)));
        let exits = end.machine.stats().slots[0].exits;
        assert_eq!((exits.returned, exits.failed + exits.panicked), (0, 1));
    }
}

#[test]
fn on_exit_disconnect_ends_the_connection_with_the_slot() {
    let now = Instant::now();
    let on_exit = OnExit::Disconnect(DisconnectReason::UselessPeer);
    let (mut end, mut raw) = machine_and_raw(
        &[SlotSettings { on_exit, ..SlotSettings::default() }, SlotSettings::default()],
        now,
    );
    end.machine.send(B, message(0, "never sent")).unwrap();
    end.machine.end_slot(now, A, SlotEndReason::Returned);
    assert_eq!(end.machine.closed(), Some(&CloseReason::ByUs(DisconnectReason::UselessPeer)));
    assert_eq!(raw.receive(&mut end), [(base::DISCONNECT, [0xc1, 3].as_slice().into())]);
    assert_eq!(end.machine.stats().slots[1].drops.unsent, 1);
    assert_eq!(end.machine.send(B, message(0, "")), Err(SendError::Closed));
}

#[test]
fn an_unknown_message_id_is_a_breach_and_the_peer_is_told() {
    let now = Instant::now();
    for code in [32, 0xffff_ffff_ffff_ffff] {
        let (mut end, mut raw) = machine_and_raw(&[SlotSettings::default(); 2], now);
        raw.send(&mut end, 31, b"the last one");
        raw.send(&mut end, code, b"unknown");
        raw.send(&mut end, 16, b"after the end");
        assert_eq!(end.messages(now), [(B, message(7, "the last one"))]);
        let fault = ProtocolBreach::UnknownCode { code };
        assert_eq!(end.machine.closed(), Some(&CloseReason::Breach(fault)));
        assert_eq!(raw.receive(&mut end), [(base::DISCONNECT, [0xc1, 2].as_slice().into())]);
    }
}

#[test]
fn unassigned_base_codes_are_ignored_and_counted() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[SlotSettings::default()], now);
    for code in [0, 4, 5, 15] {
        raw.send(&mut end, code, b"whatever");
    }
    raw.send(&mut end, 16, b"");
    assert_eq!(end.messages(now).len(), 1);
    assert_eq!(end.machine.stats().base_ignored, 4);
}

/// PROTOCOL.md §6.33: a frame of one byte is refused by some peers, so the payloads are empty lists.
#[test]
fn pings_are_answered_sent_and_timed() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[SlotSettings::default()], now);
    raw.send(&mut end, base::PING, &[0xc0]);
    assert!(end.events(now).is_empty());
    assert_eq!(raw.receive(&mut end), [(base::PONG, [0xc0].as_slice().into())]);

    let due = end.machine.poll_timeout().unwrap();
    assert_eq!(due, now + 15 * SECOND);
    end.machine.handle_timeout(due);
    assert_eq!(raw.receive(&mut end), [(base::PING, [0xc0].as_slice().into())]);
    raw.send(&mut end, base::PONG, &[0xc0]);
    assert!(end.events(due + SECOND).is_empty());
    let stats = end.machine.stats();
    assert_eq!((stats.pings_in, stats.pings_out, stats.pongs_in), (1, 1, 1));
    assert_eq!(stats.round_trip, Some(SECOND));
}

#[test]
fn silence_ends_the_connection_after_half_a_minute() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[SlotSettings::default()], now);
    let mut clock = now;
    while end.machine.closed().is_none() {
        clock = end.machine.poll_timeout().unwrap();
        end.machine.handle_timeout(clock);
    }
    assert_eq!(clock, now + 30 * SECOND);
    assert_eq!(end.machine.closed(), Some(&CloseReason::ByUs(DisconnectReason::PingTimeout)));
    let last = raw.receive(&mut end).pop();
    assert_eq!(last, Some((base::DISCONNECT, [0xc1, 0x0b].as_slice().into())));
}

#[test]
fn a_ping_flood_is_a_breach_and_queues_a_bounded_number_of_pongs() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[SlotSettings::default()], now);
    for _ in 0..64 {
        raw.send(&mut end, base::PING, &[0xc0]);
    }
    assert!(end.events(now).is_empty());
    assert_eq!(end.machine.closed(), None);
    assert_eq!(raw.receive(&mut end).len(), 16, "at most 16 pongs are queued");
    assert_eq!(end.machine.stats().pongs_dropped, 48);
    raw.send(&mut end, base::PING, &[0xc0]);
    assert!(end.events(now).is_empty());
    assert_eq!(end.machine.closed(), Some(&CloseReason::Breach(ProtocolBreach::PingFlood)));
}

/// PROTOCOL.md §6.32, in frames.
#[test]
fn disconnect_in_every_encoding_with_and_without_snappy() {
    let bodies = [&[0xc1, 0x04][..], &[0x04], &[0x82, 0xc1, 0x04], &[0xc2, 0x04, 0x01]];
    for (snappy_there, snappy_here) in [(false, false), (true, true), (false, true)] {
        for body in bodies {
            let now = Instant::now();
            let (mut a, mut b) = sessions();
            if snappy_here {
                a.opener.enable_snappy();
            }
            if snappy_there {
                b.sealer.enable_snappy();
            }
            let slots = slots(&[SlotSettings::default()]);
            let machine = Connection::new(a, &slots, &Config::default(), now);
            let mut end = End { machine, input: BytesMut::new() };
            b.sealer.seal(base::DISCONNECT, body, &mut end.input).unwrap();
            assert!(end.events(now).is_empty());
            let closed = end.machine.closed();
            assert_eq!(
                closed,
                Some(&CloseReason::ByPeer(DisconnectReason::TooManyPeers)),
                "{body:02x?}"
            );
            assert!(end.transmit().is_empty(), "nothing is sent");
        }
    }
}

#[test]
fn bad_snappy_and_bad_frames_are_breaches() {
    let now = Instant::now();
    let (mut a, mut b) = sessions();
    a.opener.enable_snappy();
    let machine = Connection::new(a, &slots(&[SlotSettings::default()]), &Config::default(), now);
    let mut end = End { machine, input: BytesMut::new() };
    b.sealer.seal(16, b"\xff\xff\xff\x7f bomb", &mut end.input).unwrap();
    assert!(end.events(now).is_empty());
    let closed = end.machine.closed();
    assert!(
        matches!(
            closed,
            Some(CloseReason::Breach(ProtocolBreach::Frame(FrameError::Snappy { .. })))
        ),
        "{closed:?}"
    );

    let (mut end, mut raw) = machine_and_raw(&[SlotSettings::default()], now);
    raw.send(&mut end, 16, b"to be broken");
    *end.input.last_mut().unwrap() ^= 1;
    assert!(end.events(now).is_empty());
    assert_eq!(
        end.machine.closed(),
        Some(&CloseReason::Breach(ProtocolBreach::Frame(FrameError::BodyMac)))
    );
    assert_eq!(raw.receive(&mut end), [(base::DISCONNECT, [0xc1, 2].as_slice().into())]);
}

#[test]
fn a_message_that_cannot_be_sent_is_refused() {
    let now = Instant::now();
    let settings = SlotSettings { outbound: 100, ..SlotSettings::default() };
    let (mut end, _) = machine_and_raw(&[settings], now);
    let beyond = SendError::NoSuchCode { code: 8, length: 8 };
    assert_eq!(end.machine.send(A, message(8, "")), Err(beyond));
    let huge = Bytes::from(vec![0; p2p_mux::MAX_MESSAGE + 1]);
    let too_large = SendError::TooLarge { length: huge.len() };
    assert_eq!(end.machine.send(A, message(0, huge)), Err(too_large));
    assert_eq!(end.machine.send(A, message(0, "x")), Ok(()));
    assert_eq!(end.machine.send(A, message(0, "x")), Err(SendError::Full));
    assert_eq!(end.machine.send(B, message(0, "")), Err(SendError::Closed), "no such slot");
}

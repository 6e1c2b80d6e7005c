//! Counters and events for single messages.

use std::time::Instant;

use crate::support::{
    self, connect,
    ends::{machine_and_raw, message},
    handed_out, key,
};
use p2p_mux::{Capability, Connection, Direction, SharedCapability, SlotId, SlotSettings};
use tokio::sync::mpsc;

const A: SlotId = SlotId(0);

#[test]
fn each_code_has_its_own_counters() {
    let now = Instant::now();
    let (mut end, mut raw) = machine_and_raw(&[SlotSettings::default(); 2], now);
    end.machine.send(A, message(2, "four")).unwrap();
    end.machine.send(A, message(7, "")).unwrap();
    end.transmit();
    raw.send(&mut end, 16 + 2, b"three");
    raw.send(&mut end, 16 + 2, b"more");
    assert_eq!(end.messages(now).len(), 2);
    let slots = end.machine.stats().slots;
    let seen: Vec<_> = slots[0]
        .codes
        .iter()
        .map(|of| {
            (
                of.code,
                of.traffic.messages_in,
                of.traffic.bytes_in,
                of.traffic.messages_out,
                of.traffic.bytes_out,
            )
        })
        .collect();
    assert_eq!(seen, [(2, 2, 9, 1, 4), (7, 0, 0, 1, 0)]);
    assert_eq!(
        (slots[0].traffic.messages_out, slots[0].traffic.bytes_in),
        (2, 9),
        "the slot has the sums"
    );
    assert!(slots[1].codes.is_empty());
}

#[test]
fn a_sub_protocol_with_any_number_of_codes_has_a_bounded_number_of_counters() {
    let now = Instant::now();
    let (session, _) = support::sessions();
    let capability = Capability::new("vast", 1);
    let shared = SharedCapability { offer: 0, capability, offset: 16, length: u64::MAX - 16 };
    let slots = [(shared, SlotSettings::default())];
    let mut machine = Connection::new(session, &slots, &p2p_mux::Config::default(), now);
    for code in [255, 256, u64::MAX - 17] {
        machine.send(A, message(code, "x")).unwrap();
        assert!(machine.poll_transmit(&mut bytes::BytesMut::new()).is_some());
    }
    let slot = &machine.stats().slots[0];
    assert_eq!((slot.traffic.messages_out, slot.codes.len(), slot.codes[0].code), (3, 1, 255));
}

#[tokio::test(start_paused = true)]
async fn an_observer_gets_each_message_and_delays_none() {
    let (observer, mut observed) = mpsc::channel(2);
    let (second, mut also) = mpsc::channel(9);
    let (here, mut given_here) = handed_out("seen");
    let (there, mut given_there) = handed_out("seen");
    let (end, _other) = connect(&[here.observe(observer).observe(second)], &[there]).await;
    let (mut here, mut there) =
        (given_here.recv().await.unwrap(), given_there.recv().await.unwrap());
    here.channel.send_raw(1, vec![0; 10]).await.unwrap();
    assert_eq!(there.channel.recv().await.unwrap().code, 1);
    there.channel.send_raw(2, vec![0; 20]).await.unwrap();
    assert_eq!(here.channel.recv().await.unwrap().code, 2);
    // The queue of the observer is full now.
    here.channel.send_raw(3, vec![0; 30]).await.unwrap();
    assert_eq!(there.channel.recv().await.unwrap().code, 3);
    assert_eq!(end.peer.stats().slots[0].unobserved, 1);

    let mut seen = Vec::new();
    while let Ok(traffic) = observed.try_recv() {
        assert_eq!(traffic.peer, key(2).id());
        seen.push((traffic.direction, traffic.code, traffic.length));
    }
    assert_eq!(seen, [(Direction::Out, 1, 10), (Direction::In, 2, 20)]);
    let codes: Vec<_> = std::iter::from_fn(|| also.try_recv().ok()).map(|seen| seen.code).collect();
    assert_eq!(codes, [1, 2, 3], "another observer has its own queue");
}

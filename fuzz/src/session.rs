//! A whole Whisper session: a peer that sends anything, a node, and a second peer that gets what the node passes on.

use std::time::Duration;

use bytes::Bytes;
use p2p_mux::{Channel, Message, Receiver, Sender};
use rlp_codec::{Error, Item};
use tokio::{join, runtime::Builder, time::timeout};
use whisper_protocol::{Clock, Dialect, FilterSettings, Remote, Settings, Whisper};

use crate::fixture;

/// A time at which the envelopes of the corpus are alive.
const NOW: u32 = 1_700_000_010;

/// A small pool, so that it fills.
const POOL: usize = 64 * 1024;

/// The status of a node that wants everything: version 6, no work, an empty bloom.
const STATUS: &[u8] = &[0xc3, 0x06, 0x80, 0x80];

/// That of a node that speaks shh/5.
const STATUS_OF_V5: &[u8] = &[0x05];

/// The input is a list of packets: a byte of code, two of length, the payload. Whatever they are, the session ends when
/// the peer hangs up, the pool keeps to its budget, and what goes on to the other peer are bytes that came in. The same
/// packets are sent in both dialects.
pub fn shh_packet(data: &[u8]) {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("a runtime: {error}"));
    let limit = Duration::from_secs(20);
    for dialect in [Dialect::V6, Dialect::V5] {
        let done = runtime.block_on(async { timeout(limit, run(dialect, data)).await });
        assert!(done.is_ok(), "the session did not end");
    }
}

async fn run(dialect: Dialect, data: &[u8]) {
    let packets = packets(data);
    let clock = Clock::new(|| NOW);
    let whisper = Whisper::new(Settings {
        min_work: 0.0,
        filters: FilterSettings { workers: 1, ..FilterSettings::default() },
        pool_bytes: POOL,
        clock,
        ..Settings::default()
    });
    let (stranger, at_stranger) = Channel::pipe();
    let (friend, at_friend) = Channel::pipe();
    let (to_node, from_node) = at_stranger.split();
    let (to_friend, from_friend) = at_friend.split();

    let strangers_session = whisper.attach(Remote::new(dialect, fixture::key(1).id()), stranger);
    let friends_session = whisper.attach(Remote::new(dialect, fixture::key(2).id()), friend);
    let talk = async {
        // It may end well or be cut for a fault; that it ends is what counts.
        let (_ended, ()) = join!(strangers_session, say(to_node, packets.clone()));
        let info = whisper.info();
        assert!(info.memory <= POOL, "{} bytes in the pool", info.memory);
        whisper.stop().await;
    };
    let greeting = say_and_stay(dialect, &to_friend);
    let (_, (), replies, relayed, _) =
        join!(greeting, talk, listen(from_node), listen(from_friend), friends_session);

    let status_first = |messages: &[Message]| messages.first().is_none_or(|first| first.code == 0);
    assert!(status_first(&replies) && status_first(&relayed));
    let bundles = relayed.iter().filter(|message| message.code == 1);
    for envelope in bundles.flat_map(|packet| envelopes(dialect, packet)) {
        let came_in = packets
            .iter()
            .any(|(_, payload)| payload.windows(envelope.len()).any(|part| part == envelope));
        assert!(came_in, "the node passed on what nobody sent: {envelope:02x?}");
    }
}

fn packets(mut data: &[u8]) -> Vec<(u64, Bytes)> {
    let mut packets = Vec::new();
    while let [code, high, low, rest @ ..] = data {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (payload, rest) = rest.split_at(length);
        packets.push((u64::from(*code), Bytes::copy_from_slice(payload)));
        data = rest;
    }
    packets
}

async fn say(to_node: Sender, packets: Vec<(u64, Bytes)>) {
    for (code, payload) in packets {
        if to_node.send_raw(code, payload).await.is_err() {
            return;
        }
    }
}

async fn say_and_stay(dialect: Dialect, to_node: &Sender) {
    let status = if dialect == Dialect::V6 { STATUS } else { STATUS_OF_V5 };
    // It fails only if the node has ended, which the rest finds out.
    let _ = to_node.send_raw(0, status).await;
}

async fn listen(mut from_node: Receiver) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some(message) = from_node.recv().await {
        messages.push(message);
    }
    messages
}

/// The envelopes in a packet that our node sent.
fn envelopes(dialect: Dialect, packet: &Message) -> Vec<Vec<u8>> {
    if dialect == Dialect::V5 {
        return vec![packet.payload.to_vec()];
    }
    let list = Item::parse(&packet.payload).and_then(|item| item.items());
    let envelopes = list
        .and_then(|list| list.map(|item| Ok(item?.raw().to_vec())).collect::<Result<_, Error>>());
    envelopes.unwrap_or_else(|error| panic!("our own packet: {error}"))
}

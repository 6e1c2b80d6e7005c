//! A whole Whisper session: a peer that sends any bytes, a node, and a second peer that gets what the node relays.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use p2p_mux::{Channel, Message, Receiver, Sender};
use p2p_world::{ClockedWorld, SystemWorld};
use rlp_codec::{Error, Item};
use tokio::{join, runtime::Builder, time::timeout};
use whisper_protocol::{Config, Dialect, FilterSettings, Remote, Whisper, Work};

use crate::fixture;

/// A time at which the envelopes of the corpus have not expired.
const NOW: u32 = 1_700_000_010;

/// The pool budget in bytes, small so that an input can fill it.
const POOL_BYTES: usize = 64 * 1024;

/// The status of a node that accepts all envelopes: version 6, no minimum work, an empty bloom.
const STATUS_V6: &[u8] = &[0xc3, 0x06, 0x80, 0x80];

/// The status of a shh/5 node.
const STATUS_V5: &[u8] = &[0x05];

/// The input is a list of packets: a byte of code, two of length, the payload. The session ends when the peer
/// disconnects, the pool is within its budget, and relayed envelopes are bytes of the input. The same packets are sent
/// in both dialects.
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
    let now = || SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.into());
    let world = ClockedWorld::shared(SystemWorld::shared(), now);
    let whisper = Whisper::new(Config {
        min_work: Work::ZERO,
        filters: FilterSettings { workers: 1, ..FilterSettings::default() },
        pool_bytes: POOL_BYTES,
        world,
        ..Config::default()
    });
    let (sender_channel, sender_end) = Channel::pipe();
    let (receiver_channel, receiver_end) = Channel::pipe();
    let (sender_to_node, node_to_sender) = sender_end.split();
    let (receiver_to_node, node_to_receiver) = receiver_end.split();

    let sender_session = whisper.attach(Remote::new(dialect, fixture::key(1).id()), sender_channel);
    let receiver_session =
        whisper.attach(Remote::new(dialect, fixture::key(2).id()), receiver_channel);
    let session = async {
        // The session may end with an error, but it must end.
        let (_ended, ()) = join!(sender_session, send_all(sender_to_node, packets.clone()));
        let info = whisper.info();
        assert!(info.pool_bytes <= POOL_BYTES, "{} bytes in the pool", info.pool_bytes);
        whisper.stop().await;
    };
    let (_, (), replies, relayed, _) = join!(
        send_status(dialect, &receiver_to_node),
        session,
        receive_all(node_to_sender),
        receive_all(node_to_receiver),
        receiver_session
    );

    let status_first = |messages: &[Message]| messages.first().is_none_or(|first| first.code == 0);
    assert!(status_first(&replies) && status_first(&relayed));
    let bundles = relayed.iter().filter(|message| message.code == 1);
    for envelope in bundles.flat_map(|packet| envelopes(dialect, packet)) {
        let came_in = packets
            .iter()
            .any(|(_, payload)| payload.windows(envelope.len()).any(|part| part == envelope));
        assert!(came_in, "the node relayed an envelope that was not sent: {envelope:02x?}");
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

async fn send_all(to_node: Sender, packets: Vec<(u64, Bytes)>) {
    for (code, payload) in packets {
        if to_node.send_raw(code, payload).await.is_err() {
            return;
        }
    }
}

async fn send_status(dialect: Dialect, to_node: &Sender) {
    let status = if dialect == Dialect::V6 { STATUS_V6 } else { STATUS_V5 };
    // It fails only if the node has ended, which is checked elsewhere.
    let _ = to_node.send_raw(0, status).await;
}

async fn receive_all(mut from_node: Receiver) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some(message) = from_node.recv().await {
        messages.push(message);
    }
    messages
}

/// The envelopes in a packet of the node.
fn envelopes(dialect: Dialect, packet: &Message) -> Vec<Vec<u8>> {
    if dialect == Dialect::V5 {
        return vec![packet.payload.to_vec()];
    }
    let list = Item::parse(&packet.payload).and_then(|item| item.items());
    let envelopes = list
        .and_then(|list| list.map(|item| Ok(item?.raw().to_vec())).collect::<Result<_, Error>>());
    envelopes.unwrap_or_else(|error| panic!("a packet of the node: {error}"))
}

//! Hello: test vectors, and every failure of its exchange.

use crate::support::{
    self, SECOND, handed_out, hello_of, idle, key, local, plain_streams, run, send_hello, streams,
};
use p2p_mux::{
    Capability, Config, DisconnectReason, Hello, HelloError, HelloExchangeError, LostReason,
    MAX_HELLO, Protocol, base, exchange_hello,
    identity::NodeId,
    rlp::{ErrorKind, encode_list},
    transport::{FrameError, Stream},
};
use proptest::prelude::*;
use serde_json::Value;
use tokio::io::DuplexStream;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/hello.json")).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn the_hello_of_eip_8_with_a_later_version_and_additional_elements() {
    let hello = Hello::decode(&bytes(&vectors()["eip8"]["hello_v22_extra"])).unwrap();
    assert_eq!(hello.version, 55);
    assert_eq!(hello.client, "kneth/v0.91/plan9");
    assert_eq!(hello.capabilities, [Capability::new("eth", 61), Capability::new("mork", 0x16)]);
    assert_eq!(hello.port, 9999);
    assert!(hello.id.to_string().starts_with("fda1cff674c90c9a"), "{}", hello.id);
    assert_eq!(hello.check(&hello.id), Ok(()));
    assert!(hello.has_snappy());
}

#[test]
fn the_hellos_of_geth_byte_for_byte() {
    for (end, client, capabilities) in [
        ("initiator", "vec/initiator", vec![Capability::new("eth", 63), Capability::new("shh", 6)]),
        ("recipient", "vec/recipient", vec![Capability::new("shh", 5), Capability::new("shh", 6)]),
    ] {
        let vector = &vectors()["geth"][end];
        let hello = Hello::decode(&bytes(&vector["hello"])).unwrap();
        assert_eq!(hello.client, client);
        assert_eq!(hello.capabilities, capabilities);
        assert_eq!(hello.id.0.as_slice(), bytes(&vector["id"]));
        assert_eq!(hello.encode(), bytes(&vector["hello"]));
    }
}

#[test]
fn a_hello_has_each_capability_once_and_in_order() {
    let protocols = [idle("shh", 6), idle("eth", 63), idle("shh", 5), idle("shh", 6)];
    let names: Vec<_> = hello_of(&protocols).capabilities.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["eth/63", "shh/5", "shh/6"]);
}

#[test]
fn a_hello_has_chunk_1_unless_it_is_disabled_or_replaced() {
    let announced = |names: &[Protocol], chunk| {
        let config = Config { chunk, ..Config::default() };
        let capabilities = local(1, names).hello(&config).capabilities;
        capabilities.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(announced(&[idle("shh", 6), idle("bzz", 1)], true), ["bzz/1", "chunk/1", "shh/6"]);
    assert_eq!(announced(&[idle("shh", 6)], false), ["shh/6"]);
    // A sub-protocol of that name replaces it.
    assert_eq!(announced(&[idle("chunk", 3)], true), ["chunk/3"]);
}

#[tokio::test(start_paused = true)]
async fn chunk_1_alone_is_not_a_shared_sub_protocol() {
    let (a, b) = streams(1024).await;
    let (here, there) = (local(1, &[idle("shh", 6)]), local(2, &[idle("eth", 63)]));
    let config = Config::default();
    let (a, b) =
        tokio::join!(exchange_hello(a, &here, &config), exchange_hello(b, &there, &config));
    for end in [a, b] {
        let error = end.map(|_| ()).unwrap_err();
        assert!(matches!(error, HelloExchangeError::Useless(_)), "{error}");
        assert_eq!(error.reason(), Some(DisconnectReason::UselessPeer));
    }
}

#[tokio::test(start_paused = true)]
async fn chunk_1_is_used_only_if_both_ends_have_it_and_is_invisible() {
    for both in [[true, true], [true, false], [false, true], [false, false]] {
        let (mut zeds, other) = (handed_out("zed"), handed_out("zed"));
        let (a, b) = plain_streams(1024).await;
        let (here, there) = (local(1, &[zeds.0]), local(2, &[other.0]));
        let [ours, theirs] = both.map(|chunk| Config { chunk, ..Config::default() });
        let (a, b) =
            tokio::join!(exchange_hello(a, &here, &ours), exchange_hello(b, &there, &theirs));
        let (a, b) = (run(a.unwrap()), run(b.unwrap()));
        assert_eq!(a.peer.shared(), [Capability::new("zed", 1)]);
        let (mut there, mut taken) = (other.1, Vec::new());
        let (from, mut to) = (zeds.1.recv().await.unwrap(), there.recv().await.unwrap());
        for length in [1, 200_000, 2] {
            from.channel.send_raw(5, vec![3; length]).await.unwrap();
        }
        for _ in 0..3 {
            let message = to.channel.recv().await.unwrap();
            taken.push((message.code, message.payload.len()));
        }
        assert_eq!(taken, [(5, 1), (5, 200_000), (5, 2)]);
        let pieces = if both == [true, true] { 13 } else { 0 };
        let (a, b) = (a.peer.stats().slots.remove(0), b.peer.stats().slots.remove(0));
        assert_eq!((a.pieces_out, b.pieces_in, b.traffic.messages_in), (pieces, pieces, 3));
    }
}

#[test]
fn an_invalid_port_is_ignored_but_an_invalid_id_is_not() {
    let id = key(2).id();
    let none: Vec<Capability> = vec![];
    let mut out = Vec::new();
    encode_list(&mut out, &[&5u8, &"x", &none, &70_000u32, &id]);
    assert_eq!(Hello::decode(&out).unwrap().port, 0);
    let mut out = Vec::new();
    encode_list(&mut out, &[&5u8, &"x", &none, &0u8, &[7u8; 63].as_slice()]);
    assert!(matches!(Hello::decode(&out), Err(HelloError::Malformed(_))));
}

proptest! {
    #[test]
    fn an_encoded_hello_is_decoded(
        version in any::<u64>(),
        client in "\\PC{0,40}",
        capabilities in proptest::collection::vec(("[a-z]{0,12}", any::<u64>()), 0..8),
        port in any::<u16>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let capabilities =
            capabilities.into_iter().map(|(name, version)| Capability::new(name, version)).collect();
        let hello = Hello { version, client, capabilities, port, id: key(1).id() };
        let wire = hello.encode();
        prop_assert_eq!(Hello::decode(&wire), Ok(hello));
        prop_assert!(Hello::decode(&wire[..cut.index(wire.len())]).is_err());
    }

    #[test]
    fn decoding_any_bytes_does_not_panic(wire in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Hello::decode(&wire);
    }
}

/// The result of an exchange of Hello between node 1, which has shh/6, and a raw peer that does `act`.
async fn outcome<F>(act: F) -> (Result<Vec<Capability>, HelloExchangeError>, Stream<DuplexStream>)
where
    F: AsyncFnOnce(&mut Stream<DuplexStream>),
{
    let (stream, mut raw) = streams(64 * 1024).await;
    let here = local(1, &[idle("shh", 6)]);
    let config = Config::default();
    let (greeted, ()) = tokio::join!(exchange_hello(stream, &here, &config), async {
        act(&mut raw).await;
        raw.flush().await.unwrap();
    });
    (greeted.map(|greeted| greeted.shared().to_vec()), raw)
}

/// The reason that a raw peer is told after our Hello, compressed if `snappy`.
async fn disconnect_reason(raw: &mut Stream<DuplexStream>, snappy: bool) -> DisconnectReason {
    support::receive_hello(raw).await;
    if snappy {
        raw.enable_snappy();
    }
    let last = raw.read().await.unwrap().expect("a Disconnect");
    assert_eq!(last.code, base::DISCONNECT);
    DisconnectReason::decode(&last.payload)
}

fn peer_hello() -> Hello {
    hello_of(&[idle("shh", 6)])
}

/// Exchanges Hello with a peer that sends `payload`. Returns the error and the reason that the peer was
/// told.
async fn refusal(payload: Vec<u8>, snappy: bool) -> (HelloExchangeError, DisconnectReason) {
    let (stream, mut raw) = streams(64 * 1024).await;
    let here = local(1, &[idle("shh", 6)]);
    let config = Config::default();
    let (greeted, reason) = tokio::join!(exchange_hello(stream, &here, &config), async {
        raw.write(base::HELLO, &payload).await.unwrap();
        raw.flush().await.unwrap();
        let reason = disconnect_reason(&mut raw, snappy).await;
        raw.close().await.unwrap();
        reason
    });
    let error = greeted.map(|_| ()).unwrap_err();
    assert_eq!(error.reason(), Some(reason));
    (error, reason)
}

#[tokio::test(start_paused = true)]
async fn a_truncated_hello_is_a_breach() {
    let whole = peer_hello().encode();
    let (error, reason) = refusal(whole[..whole.len() - 1].to_vec(), false).await;
    assert!(
        matches!(error, HelloExchangeError::Hello(HelloError::Malformed(e)) if e.kind == ErrorKind::Truncated)
    );
    assert_eq!(reason, DisconnectReason::ProtocolBreach);
}

#[tokio::test(start_paused = true)]
async fn an_oversized_hello_is_refused_before_it_has_arrived() {
    let long = Hello { client: "x".repeat(MAX_HELLO), ..peer_hello() };
    let (error, reason) = refusal(long.encode(), false).await;
    assert!(matches!(error, HelloExchangeError::Frame(FrameError::Oversized { .. })), "{error}");
    assert_eq!(reason, DisconnectReason::ProtocolBreach);
}

#[tokio::test(start_paused = true)]
async fn a_hello_with_another_node_id_is_refused() {
    let other = Hello { id: key(3).id(), ..peer_hello() };
    let (error, reason) = refusal(other.encode(), true).await;
    assert_eq!(error, HelloExchangeError::Hello(HelloError::Identity(key(3).id())));
    assert_eq!(reason, DisconnectReason::UnexpectedIdentity);
    let null = Hello { id: NodeId([0; 64]), ..peer_hello() };
    let (error, reason) = refusal(null.encode(), true).await;
    assert_eq!(error, HelloExchangeError::Hello(HelloError::NullIdentity));
    assert_eq!(reason, DisconnectReason::NullIdentity);
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_a_shared_sub_protocol_is_useless() {
    let other = Hello { capabilities: vec![Capability::new("eth", 63)], ..peer_hello() };
    let (error, reason) = refusal(other.encode(), true).await;
    assert_eq!(error, HelloExchangeError::Useless(other.capabilities));
    assert_eq!(reason, DisconnectReason::UselessPeer);
}

#[tokio::test(start_paused = true)]
async fn version_four_is_the_oldest_accepted_one_and_has_no_snappy() {
    let (error, reason) = refusal(Hello { version: 3, ..peer_hello() }.encode(), false).await;
    assert_eq!(error, HelloExchangeError::Hello(HelloError::Version(3)));
    assert_eq!(reason, DisconnectReason::IncompatibleVersion);

    let four = Hello { version: 4, ..peer_hello() };
    let (greeted, mut raw) = outcome(async |raw| send_hello(raw, &four).await).await;
    assert_eq!(greeted, Ok(vec![Capability::new("shh", 6)]));
    support::receive_hello(&mut raw).await;
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_instead_of_hello_is_decoded_compressed_or_not() {
    for payload in [&[0xc1, 0x04][..], &[0x04], &[0x02, 0x04, 0xc1, 0x04]] {
        let (greeted, _) =
            outcome(async |raw| raw.write(base::DISCONNECT, payload).await.unwrap()).await;
        assert_eq!(greeted, Err(HelloExchangeError::Refused(DisconnectReason::TooManyPeers)));
    }
}

#[tokio::test(start_paused = true)]
async fn another_message_instead_of_hello_is_a_breach() {
    let (greeted, mut raw) = outcome(async |raw| raw.write(0x10, b"early").await.unwrap()).await;
    assert_eq!(greeted, Err(HelloExchangeError::Unexpected { code: 0x10 }));
    assert_eq!(disconnect_reason(&mut raw, false).await, DisconnectReason::ProtocolBreach);
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_has_five_seconds() {
    let started = tokio::time::Instant::now();
    let (greeted, _raw) = outcome(async |_| {}).await;
    assert_eq!(greeted, Err(HelloExchangeError::Timeout));
    assert_eq!(started.elapsed(), 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_closed_stream_is_lost() {
    let (greeted, _raw) = outcome(async |raw| raw.close().await.unwrap()).await;
    assert_eq!(greeted, Err(HelloExchangeError::Lost(LostReason::Eof)));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_before_hello_reaches_the_other_end() {
    let (stream, other) = streams(256).await;
    let there = local(2, &[idle("shh", 6)]);
    let config = Config::default();
    let ((), greeted) = tokio::join!(
        p2p_mux::refuse(stream, DisconnectReason::TooManyPeers),
        exchange_hello(other, &there, &config)
    );
    assert_eq!(
        greeted.map(|_| ()),
        Err(HelloExchangeError::Refused(DisconnectReason::TooManyPeers))
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_bounded_in_time() {
    let (stream, _silent) = streams(16).await;
    let started = tokio::time::Instant::now();
    p2p_mux::refuse(stream, DisconnectReason::TooManyPeers).await;
    assert_eq!(started.elapsed(), 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn announcing_too_much_is_an_error_of_the_caller() {
    let many: Vec<Protocol> = (0..400).map(|version| idle("shh", version)).collect();
    let (stream, _other) = streams(1024).await;
    let greeted = exchange_hello(stream, &local(1, &many), &Config::default()).await;
    assert!(matches!(greeted.map(|_| ()), Err(HelloExchangeError::OwnHello(2049..))));
}

#[tokio::test(start_paused = true)]
async fn two_ends_that_both_write_first_do_not_deadlock() {
    let (a, b) = plain_streams(16).await;
    let (here, there) = (local(1, &[idle("a", 1)]), local(2, &[idle("a", 1)]));
    let config = Config::default();
    let (a, b) =
        tokio::join!(exchange_hello(a, &here, &config), exchange_hello(b, &there, &config));
    assert_eq!(a.unwrap().hello(), &there.hello(&config));
    assert_eq!(b.unwrap().hello(), &here.hello(&config));
}

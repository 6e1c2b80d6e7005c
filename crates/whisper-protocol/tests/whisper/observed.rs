//! Behavior that was observed with go-ethereum (PROTOCOL.md §6, by section), as far as it concerns Whisper. Sections 6.17
//! and 6.28 are tested in `two_dialects`; 6.31 to 6.33 in `p2p-mux` and `rlpx-transport`.

use crate::support::{
    HandClock, NOW, RawPeer, TOPIC, amount, bundle, envelope, key, next, node, random_id, settings,
    spec, unsealed_in, watch,
};
use keccak_lanes::keccak256;
use p2p_mux::{DisconnectReason, Exit};
use whisper_envelope::{
    Bloom, Ciphertext, Dialect, Draft, Padding, Recipient, SymmetricKey, Unsealed,
};
use whisper_pow::{Rule, Task, Work, work};
use whisper_protocol::{Config, Envelope, EnvelopeOutcome, FaultStats, Remote, Topic, Whisper};

/// Connects a peer, lets it send, and gives what its session was cut for, if it was.
async fn after(dialect: Dialect, status: &[u8], packet: Option<(u64, &[u8])>) -> FaultStats {
    let node = node();
    let mut peer = RawPeer::who_is(&node, Remote::new(dialect, random_id()));
    assert_eq!(peer.receive().await.0, 0, "the node's status");
    peer.send(0, status).await;
    if let Some((code, payload)) = packet {
        peer.send(code, payload).await;
    }
    drop(peer.channel);
    let ended = peer.session.await.unwrap();
    let faults = node.stats().faults;
    let expected =
        if faults == FaultStats::default() { Ok(()) } else { Err(DisconnectReason::Subprotocol) };
    assert_eq!(ended, expected.map_err(Exit::Disconnect));
    faults
}

async fn accepts(status: &[u8], packet: Option<(u64, &[u8])>) {
    assert_eq!(after(Dialect::V6, status, packet).await, FaultStats::default(), "{packet:02x?}");
}

async fn cuts(status: &[u8], packet: Option<(u64, &[u8])>) {
    assert_ne!(after(Dialect::V6, status, packet).await, FaultStats::default(), "{packet:02x?}");
}

/// The status that has only what it must have.
const STATUS: &[u8] = &[0xc1, 0x06];

#[test]
fn quirk_6_13_both_rules_by_hand() {
    let sealed = Unsealed::v6(NOW + 50, 50, TOPIC, &[7; 100]).seal(4711);
    let unsealed = sealed.unsealed().preimage().to_vec();
    let nonce = 4711_u64.to_be_bytes();

    let hashed = [&keccak256(&unsealed)[..], &[0; 24], &nonce].concat();
    let trailing = keccak256(&hashed).iter().rev().fold((0, true), |(zeros, counting), byte| {
        let more = if counting { byte.trailing_zeros().min(8) } else { 0 };
        (zeros + more, counting && *byte == 0)
    });
    let by_hand = 2f64.powi(i32::try_from(trailing.0).unwrap()) / 120.0 / 50.0;
    assert_eq!(work(Rule::GETH_1_8, &sealed).unwrap().get(), by_hand, "size is 20 and the data");

    let plain = keccak256(&[&unsealed[..], &nonce].concat());
    let leading = u64::from_be_bytes(*plain.first_chunk().unwrap()).leading_zeros();
    let by_hand = 2f64.powi(i32::try_from(leading).unwrap()) / unsealed.len() as f64 / 50.0;
    assert_eq!(work(Rule::EIP_627, &sealed).unwrap().get(), by_hand, "size is the RLP's");
}

#[test]
fn quirk_6_14_at_least_one_bit_and_never_below_the_target() {
    let unsealed = Unsealed::v6(NOW + 50, 50, TOPIC, &[7; 100]);
    for rule in [Rule::GETH_1_8, Rule::EIP_627] {
        let task = Task::new(rule, &unsealed).unwrap();
        assert_eq!(task.bits_for(Work::new(1e-30).unwrap()), Some(1));
        assert_eq!(task.bits_for(Work::ZERO), Some(0), "no work at all");
        let asked = Work::new(0.001).unwrap();
        let bits = task.bits_for(asked).unwrap();
        let nonce = (0..).find(|nonce| task.zeros(*nonce) >= bits).unwrap();
        assert!(work(rule, &unsealed.seal(nonce)).unwrap() >= asked, "go-ethereum can end below");
    }
}

#[tokio::test]
async fn quirk_6_15_a_time_to_live_of_zero_is_refused() {
    let node = Whisper::new(Config { min_work: amount(1e9), ..settings() });
    let peer = RawPeer::greeted(&node).await;
    peer.send_envelopes(&[&Unsealed::v6(NOW, 0, TOPIC, &[0; 64]).seal(0)]).await;
    drop(peer.channel);
    assert_eq!(peer.session.await.unwrap(), Ok(()));
    assert_eq!((node.stats().rejected.zero_ttl, node.info().envelopes), (1, 0));
}

#[tokio::test]
async fn quirk_6_16_strict_inside_the_list_and_lenient_after_it() {
    let good = envelope(b"good");
    let packet = [&bundle([&good.raw()[..]])[..], &[0xde, 0xad]].concat();
    let node = node();
    let mut watch = watch(&node);
    let peer = RawPeer::greeted(&node).await;
    peer.send(1, &packet).await;
    assert_eq!(next(&mut watch).await, b"good");

    let fields = |items: &[&[u8]]| bundle([&bundle(items.iter().copied())[..]]).to_vec();
    let (time, topic) = (&[0x84, 0x65, 0x53, 0xf1, 0x00][..], &[0x84, 1, 2, 3, 4][..]);
    for (what, packet) in [
        ("a field too few", fields(&[time, &[50], topic, &[7]])),
        ("a field too many", fields(&[time, &[50], topic, &[7], &[0x80], &[0x80]])),
        ("a topic of three bytes", fields(&[time, &[50], &[0x83, 1, 2, 3], &[7], &[0x80]])),
        ("a leading zero", fields(&[time, &[0x82, 0, 50], topic, &[7], &[0x80]])),
        ("a needless header", fields(&[time, &[0x81, 50], topic, &[7], &[0x80]])),
    ] {
        let faults = after(Dialect::V6, STATUS, Some((1, &packet))).await;
        assert_eq!(faults.malformed_envelope, 1, "{what}");
    }
    accepts(STATUS, Some((1, &fields(&[time, &[50], topic, &[7], &[0x80]])))).await;
}

#[test]
fn quirk_6_18_padding() {
    let key = key();
    let length = |dialect, payload: usize, padding| {
        let payload = vec![1; payload];
        let draft = Draft::new(dialect, Recipient::Symmetric(&key), NOW).payload(&payload);
        draft.padding(padding).plaintext(&mut rand::rng()).unwrap().len()
    };
    for (payload, of_v5, of_v6) in
        [(0, 256, 256), (253, 256, 256), (254, 256, 512), (255, 256, 512), (256, 512, 512)]
    {
        assert_eq!(length(Dialect::V5, payload, Padding::Automatic), of_v5, "shh/5, {payload}");
        assert_eq!(length(Dialect::V6, payload, Padding::Automatic), of_v6, "shh/6, {payload}");
    }
    assert_eq!(length(Dialect::V6, 10, Padding::Explicit(&[1, 2, 3])), 1 + 1 + 10 + 3);
}

#[test]
fn quirk_6_19_where_the_aes_nonce_is() {
    let plaintext = 256;
    let (old, new) = (unsealed_in(Dialect::V5, b"x"), unsealed_in(Dialect::V6, b"x"));
    assert_eq!((old.data().len(), old.aes_nonce().is_some()), (plaintext + 16, true));
    assert_eq!((new.data().len(), new.aes_nonce().is_some()), (plaintext + 16 + 12, false));
}

#[test]
fn quirk_6_20_keys_from_passwords_take_65356_rounds() {
    let key = SymmetricKey::from_password(b"password");
    let expected = "9afe990d1915aa6c20da3c5c26b4656ed871418867e89709f15f571c91d21824";
    assert_eq!(hex::encode(key.as_bytes()), expected);
}

#[tokio::test]
async fn quirk_6_21_strange_plaintexts_that_are_messages() {
    for dialect in [Dialect::V5, Dialect::V6] {
        let node = node();
        let mut watch = watch(&node);
        for plaintext in [&[0x00][..], &[0xf8]] {
            let sealed = Ciphertext::symmetric(dialect, &key(), [plaintext[0]; 12], plaintext);
            let key = key();
            let draft = Draft::new(dialect, Recipient::Symmetric(&key), NOW).topic(TOPIC);
            assert_eq!(node.inject(draft.enclose(&sealed).unwrap().seal(0)), EnvelopeOutcome::New);
            assert_eq!(next(&mut watch).await, b"", "{dialect:?} {plaintext:02x?}");
        }
    }
}

#[tokio::test]
async fn quirk_6_22_a_peer_with_an_overwritten_bloom_gets_its_topic() {
    let topic = Topic([0x00, 0x01, 0x02, 0x00]);
    let mut of_geth = Bloom::EMPTY;
    of_geth.0[0] = 0b100; // the last of three bits in one byte
    let node = node();
    let mut peer = RawPeer::greeted(&node).await;
    peer.send(3, &p2p_mux::rlp::encode(&of_geth.0[..])).await;
    let elsewhere = Unsealed::v6(NOW + 50, 50, Topic([9, 90, 200, 0]), &[0; 64]).seal(0);
    let wanted = Unsealed::v6(NOW + 50, 50, topic, &[0; 64]).seal(0);
    peer.send(0, &[0xc1, 0x06]).await; // read after the bloom, and counted
    while node.stats().sessions.second_status == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.inject(elsewhere), EnvelopeOutcome::New);
    assert_eq!(node.inject(wanted.clone()), EnvelopeOutcome::New);
    assert_eq!(peer.receive().await, (1, bundle([&wanted.raw()[..]])));
}

#[tokio::test]
async fn quirk_6_23_an_empty_bloom_is_a_full_one_in_the_status_only() {
    let node = node();
    let mut peer = RawPeer::new(&node);
    assert_eq!(peer.receive().await.1, [0xc4, 0x06, 0x80, 0x80, 0x80][..], "as it says itself");
    accepts(&[0xc3, 0x06, 0x80, 0x80], None).await;
    cuts(&[0xc4, 0x06, 0x80, 0x81, 0xff], None).await;
    let bloom = |length: usize| p2p_mux::rlp::encode(&vec![0xff; length][..]);
    accepts(STATUS, Some((3, &bloom(64)))).await;
    for length in [0, 63, 65] {
        cuts(STATUS, Some((3, &bloom(length)))).await;
    }
    cuts(STATUS, Some((3, &bundle([&bloom(64)[..]])))).await;
}

#[tokio::test]
async fn quirk_6_24_the_old_required_work_is_tolerated_for_ten_seconds() {
    let clock = HandClock::new();
    let node = Whisper::new(Config { min_work: Work::ZERO, world: clock.world(), ..settings() });
    let worth = |number| Unsealed::v6(NOW + 50, 50, TOPIC, &[0; 64]).seal(number);
    node.set_min_work(amount(1e9));
    assert_eq!(node.inject(worth(1)), EnvelopeOutcome::New, "go-ethereum refuses at once");
    clock.advance(10);
    assert_eq!(node.inject(worth(2)), EnvelopeOutcome::New);
    clock.advance(1);
    assert!(matches!(node.inject(worth(3)), EnvelopeOutcome::Rejected(_)));
}

#[tokio::test]
async fn quirk_6_25_statuses() {
    let status = |text: &str| hex::decode(text).unwrap();
    for good in ["c106", "ca06883fc999999999999a", "c50680808005", "c206c0", "c20685", "c106ff"] {
        accepts(&status(good), None).await;
    }
    for (bad, what) in [
        ("06", "no list"),
        ("c105", "another version"),
        ("c0", "empty, as Parity's"),
        ("ca06887ff8000000000000", "not a number"),
        ("ca06887ff0000000000000", "infinite"),
        ("ca0688bff0000000000000", "negative"),
    ] {
        assert_ne!(after(Dialect::V6, &status(bad), None).await, FaultStats::default(), "{what}");
    }
    let of_v5 = |text| after(Dialect::V5, text, None);
    assert_eq!(of_v5(&[0x05]).await, FaultStats::default());
    assert_eq!(of_v5(&[0xc1, 0x05]).await.malformed_status, 1);
    assert_eq!(of_v5(&[0xc0]).await.malformed_status, 1);
    accepts(STATUS, Some((0, STATUS))).await; // a second one is ignored
}

#[tokio::test]
async fn quirk_6_26_a_required_work_is_a_bare_number() {
    for good in ["80", "05", "883fc999999999999a"] {
        accepts(STATUS, Some((2, &hex::decode(good).unwrap()))).await;
    }
    for bad in ["c0", "c180", "887ff8000000000000", "887ff0000000000000", "88bff0000000000000"] {
        cuts(STATUS, Some((2, &hex::decode(bad).unwrap()))).await;
    }
}

#[tokio::test]
async fn quirk_6_27_codes_without_a_meaning_are_ignored() {
    for code in [4, 10, 13, 100, 122, 127] {
        accepts(STATUS, Some((code, &[0xff]))).await;
        accepts(STATUS, Some((code, &[]))).await;
    }
    accepts(STATUS, Some((126, envelope(b"a request").raw()))).await;
}

#[tokio::test]
async fn quirk_6_29_times_are_judged_as_by_go_ethereum_without_a_disconnect() {
    let node = node();
    let filter = node.subscribe(spec(&node)).unwrap();
    let peer = RawPeer::greeted(&node).await;
    let of = |expiry, ttl| Unsealed::v6(expiry, ttl, TOPIC, &[0; 64]).seal(0);
    let all: Vec<Envelope> = vec![
        of(NOW + 60, 50), // sent in 10 s
        of(NOW + 61, 50), // in 11 s
        of(NOW, 50),      // just alive
        of(NOW - 1, 50),  // expired
        of(NOW - 20, 50), // 20 s ago
        of(NOW - 21, 50), // very old
        of(10, 11),       // before the beginning of time
    ];
    peer.send_envelopes(&all.iter().collect::<Vec<_>>()).await;
    drop(peer.channel);
    assert_eq!(peer.session.await.unwrap(), Ok(()));
    let stats = node.stats();
    assert_eq!((stats.envelopes.received, stats.envelopes.new), (7, 2));
    let rejected = stats.rejected;
    assert_eq!((rejected.from_the_future, rejected.expired), (1, 2));
    assert_eq!((rejected.very_old, rejected.ttl_beyond_expiry), (1, 1));
    assert_eq!(node.take_messages(&filter).unwrap(), []);
}

#[tokio::test]
async fn quirk_6_8_a_whole_backlog_in_one_packet_is_read() {
    let node = node();
    let peer = RawPeer::greeted(&node).await;
    let envelopes: Vec<Envelope> = (0..40)
        .map(|number| Unsealed::v6(NOW + 50, 50, TOPIC, &[0; 60_000]).seal(number))
        .collect();
    let packet = bundle(envelopes.iter().map(|envelope| &envelope.raw()[..]));
    assert!(packet.len() > 2 * 1024 * 1024);
    peer.send(1, &packet).await;
    drop(peer.channel);
    assert_eq!(peer.session.await.unwrap(), Ok(()));
    assert_eq!(node.info().envelopes, 40);
}

#[tokio::test]
async fn quirk_6_30_duplicates_and_empty_bundles_are_fine() {
    let node = node();
    let peer = RawPeer::greeted(&node).await;
    let twice = envelope(b"twice");
    peer.send(1, &[0xc0]).await;
    peer.send_envelopes(&[&twice, &twice]).await;
    peer.send_envelopes(&[&twice]).await;
    drop(peer.channel);
    assert_eq!(peer.session.await.unwrap(), Ok(()));
    let stats = node.stats().envelopes;
    assert_eq!((stats.received, stats.new, stats.known), (3, 1, 2));
}

//! Packets on the wire: known vectors, random packets and invalid ones.

#![allow(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

use std::net::{IpAddr, SocketAddr};

use p2p_discovery::v4::{
    Datagram, DatagramError, Endpoint, EnrRequest, EnrResponse, FindNode, MAX_DATAGRAM,
    MAX_PER_PACKET, Neighbour, Neighbours, Packet, PacketKind, Ping, Pong,
};
use p2p_identity::{Content, NodeId, Record, SecretKey};
use proptest::prelude::*;
use serde_json::Value;

const EIP8: &str = include_str!("vectors/eip8.json");
const GETH: &str = include_str!("vectors/discv4-geth1.8.27.json");

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).unwrap()
}

/// Does all steps of reading a datagram.
fn open(bytes: &[u8]) -> Result<(Packet, NodeId), DatagramError> {
    let datagram = Datagram::parse(bytes)?;
    datagram.check_hash()?;
    Ok((datagram.packet()?, datagram.signer()?))
}

/// One of the packets in `eip8.json`.
fn eip8(name: &str) -> Packet {
    let file: Value = serde_json::from_str(EIP8).unwrap();
    let packets = &file["packets"];
    let signer = SecretKey::from_hex(packets["node_key"].as_str().unwrap()).unwrap().id();
    let (packet, by) = open(&bytes(&packets[name])).unwrap();
    assert_eq!(by, signer, "{name}");
    packet
}

fn endpoint(address: &str, tcp: u16) -> Endpoint {
    Endpoint::new(address.parse::<SocketAddr>().unwrap(), tcp)
}

#[test]
fn pings_of_eip_8() {
    let Packet::Ping(ping) = eip8("ping_v4_extra") else { panic!("no ping") };
    assert_eq!(ping.from, endpoint("127.0.0.1:3322", 5544));
    assert_eq!(ping.to, endpoint("[::1]:2222", 3333));
    // The first extra element is read as the sequence number of EIP-868.
    assert_eq!((ping.expiration, ping.enr_seq), (1_136_239_445, Some(1)));

    let Packet::Ping(ping) = eip8("ping_v555_extra") else { panic!("no ping") };
    assert_eq!(ping.from, endpoint("[2001:db8:3c4d:15::abcd:ef12]:3322", 5544));
    assert_eq!(ping.to, endpoint("[2001:db8:85a3:8d3:1319:8a2e:370:7348]:2222", 33338));
    assert_eq!((ping.expiration, ping.enr_seq), (1_136_239_445, None), "a list is no number");
}

#[test]
fn pong_of_eip_8() {
    let Packet::Pong(pong) = eip8("pong_extra") else { panic!("no pong") };
    assert_eq!(pong.to, endpoint("[2001:db8:85a3:8d3:1319:8a2e:370:7348]:2222", 33338));
    let hash = "fbc914b16819237dcd8801d7e53f69e9719adecb3cc0e790c57e91ca4461c954";
    assert_eq!(hex::encode(pong.ping), hash);
    assert_eq!((pong.expiration, pong.enr_seq), (1_136_239_445, None));
}

#[test]
fn findnode_of_eip_8() {
    let Packet::FindNode(find) = eip8("findnode_extra") else { panic!("no findnode") };
    assert!(find.target.to_string().starts_with("ca634cae0d49acb401d8a4c6b6fe8c55"));
    assert_eq!(find.expiration, 1_136_239_445);
}

#[test]
fn neighbours_of_eip_8() {
    let Packet::Neighbours(neighbours) = eip8("neighbours_extra") else { panic!("no neighbours") };
    let seen: Vec<String> = neighbours
        .nodes
        .iter()
        .map(|node| format!("{:.4} {} {}", node.id, node.endpoint.udp_addr(), node.endpoint.tcp))
        .collect();
    let want = [
        "3155 99.33.22.55:4444 4445",
        "312c 1.2.3.4:1 1",
        "3864 [2001:db8:3c4d:15::abcd:ef12]:3333 3333",
        "8dca [2001:db8:85a3:8d3:1319:8a2e:370:7348]:999 1000",
    ];
    assert_eq!(seen, want);
    assert_eq!(neighbours.expiration, 1_136_239_445);
}

#[test]
fn packets_of_go_ethereum() {
    let file: Value = serde_json::from_str(GETH).unwrap();
    for vector in file["packets"].as_array().unwrap() {
        let (name, raw) = (&vector["name"], bytes(&vector["packet"]));
        let datagram = Datagram::parse(&raw).unwrap();
        assert_eq!(hex::encode(datagram.hash()), vector["hash"].as_str().unwrap(), "{name}");
        assert_eq!(u64::from(datagram.kind() as u8), vector["type"].as_u64().unwrap(), "{name}");
        let (packet, signer) = open(&raw).unwrap();
        assert_eq!(signer.to_string(), vector["node_pubkey"].as_str().unwrap(), "{name}");

        // Without extra elements, the encoding equals that of go-ethereum: signatures are deterministic.
        let key = SecretKey::from_hex(vector["private_key"].as_str().unwrap()).unwrap();
        let sealed = packet.seal(&key).unwrap();
        if name == "ping-version-555-extra-elements" {
            assert_eq!(open(&sealed.bytes), Ok((packet, signer)), "{name}");
        } else {
            assert_eq!(hex::encode(&sealed.bytes), hex::encode(&raw), "{name}");
            assert_eq!(sealed.hash, *datagram.hash(), "{name}");
        }
    }
}

#[test]
fn a_record_is_encoded_and_decoded() {
    let content = Content::new().ip([10, 0, 0, 7].into()).udp(30303).set("net", &7u64);
    let record = Record::sign(&key(1), 5, &content).unwrap();
    let response = EnrResponse { request: [9; 32], rlp: record.encode().into() };
    let sealed = Packet::EnrResponse(response).seal(&key(1)).unwrap();
    let (packet, signer) = open(&sealed.bytes).unwrap();
    let Packet::EnrResponse(response) = packet else { panic!("no record") };
    assert_eq!((response.record(), signer), (Ok(record), key(1).id()));
}

#[test]
fn the_largest_answers_fit_a_datagram() {
    let node = Neighbour {
        id: NodeId([0xff; 64]),
        endpoint: endpoint("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", 65535),
    };
    let answer =
        |count| Packet::Neighbours(Neighbours { nodes: vec![node; count], expiration: u64::MAX });
    assert!(answer(MAX_PER_PACKET).seal(&key(1)).unwrap().bytes.len() <= MAX_DATAGRAM);
    let too_long = answer(MAX_PER_PACKET + 2).seal(&key(1));
    assert!(matches!(too_long, Err(DatagramError::TooLong { len }) if len > MAX_DATAGRAM));
}

#[test]
fn an_invalid_packet_is_refused_with_its_cause() {
    let good = Packet::EnrRequest(EnrRequest { expiration: 7 }).seal(&key(1)).unwrap().bytes;
    assert_eq!(open(&good[..98]), Err(DatagramError::TooShort { len: 98 }));
    assert_eq!(open(&[]), Err(DatagramError::TooShort { len: 0 }));
    assert_eq!(open(&[0; 1281]), Err(DatagramError::TooLong { len: 1281 }));
    let changed = |at: usize| {
        let mut bytes = good.to_vec();
        bytes[at] ^= 0x40;
        open(&bytes)
    };
    assert_eq!(changed(0), Err(DatagramError::Hash), "the hash");
    assert_eq!(changed(40), Err(DatagramError::Hash), "the signature");
    assert_eq!(changed(97), Err(DatagramError::Kind(0x45)));
    assert_eq!(changed(good.len() - 1), Err(DatagramError::Hash), "the body");
    // With a corrected hash, the signature gives another signer or none.
    let mut forged = good.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let hash = keccak_lanes::keccak256(&forged[32..]);
    forged[..32].copy_from_slice(&hash);
    assert!(open(&forged).is_err() || open(&forged).unwrap().1 != key(1).id());
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let ip = prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from)
    ];
    (ip, any::<u16>(), any::<u16>())
        .prop_map(|(ip, udp, tcp)| Endpoint::new(SocketAddr::new(ip, udp), tcp))
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let id = any::<[u8; 32]>().prop_map(|half| NodeId([half, half].concat().try_into().unwrap()));
    let nodes = prop::collection::vec((id.clone(), any_endpoint()), 0..=MAX_PER_PACKET);
    let ping = (any_endpoint(), any_endpoint(), any::<u64>(), any::<Option<u64>>());
    let pong = (any_endpoint(), any::<[u8; 32]>(), any::<u64>(), any::<Option<u64>>());
    prop_oneof![
        ping.prop_map(|(from, to, expiration, enr_seq)| {
            Packet::Ping(Ping { from, to, expiration, enr_seq })
        }),
        pong.prop_map(|(to, ping, expiration, enr_seq)| {
            Packet::Pong(Pong { to, ping, expiration, enr_seq })
        }),
        (id, any::<u64>())
            .prop_map(|(target, expiration)| Packet::FindNode(FindNode { target, expiration })),
        (nodes, any::<u64>()).prop_map(|(nodes, expiration)| {
            let nodes = nodes.into_iter().map(|(id, endpoint)| Neighbour { id, endpoint });
            Packet::Neighbours(Neighbours { nodes: nodes.collect(), expiration })
        }),
        any::<u64>().prop_map(|expiration| Packet::EnrRequest(EnrRequest { expiration })),
        (any::<[u8; 32]>(), any::<u64>()).prop_map(|(request, number)| {
            let rlp = rlp_codec::encode(&vec![number; 3]).into();
            Packet::EnrResponse(EnrResponse { request, rlp })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_sealed_packet_is_opened(packet in any_packet(), number in 1..255u8) {
        let sealed = packet.seal(&key(number)).unwrap();
        let datagram = Datagram::parse(&sealed.bytes).unwrap();
        prop_assert_eq!((*datagram.hash(), datagram.kind()), (sealed.hash, packet.kind()));
        prop_assert_eq!(open(&sealed.bytes), Ok((packet, key(number).id())));
    }

    #[test]
    fn random_bytes_are_a_packet_or_an_error(kind in 0..8u8, mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(byte) = bytes.get_mut(97) {
            *byte = kind;
        }
        if let Ok(datagram) = Datagram::parse(&bytes) {
            prop_assert_eq!(PacketKind::from_byte(kind), Some(datagram.kind()));
            let _ = (datagram.check_hash(), datagram.packet(), datagram.signer());
        }
    }
}

//! Discovery: the cost of a packet next to that of its curve operation, the cost of a flood, and a simulated
//! network of a thousand nodes.

#[path = "../crates/p2p-discovery/tests/simulation/flood.rs"]
mod flood;
#[path = "../crates/p2p-discovery/tests/simulation/network.rs"]
mod network;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use network::{Network, Plan};
use p2p_discovery::v4::{Datagram, Endpoint, Packet, Ping};
use p2p_identity::SecretKey;
use secp256k1::{Message, Secp256k1, ecdsa::RecoverableSignature};

/// The steps of sending and receiving a ping; sign and recover next to libsecp256k1 alone.
fn packet(criterion: &mut Criterion) {
    let key = SecretKey::random(&mut benches::rng());
    let endpoint = Endpoint { ip: [10, 0, 0, 7].into(), udp: 30303, tcp: 30303 };
    let ping = Packet::Ping(Ping {
        from: endpoint,
        to: endpoint,
        expiration: 1_700_000_000,
        enr_seq: Some(1_700_000_000_000),
    });
    let sealed = ping.seal(&key).expect("a short packet");
    let datagram = Datagram::parse(&sealed.bytes).expect("a datagram");
    assert_eq!(datagram.signer(), Ok(key.id()));

    let mut group = criterion.benchmark_group("discovery");
    let mut body = Vec::with_capacity(256);
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            body.clear();
            ping.encode_body(&mut body);
            body.len()
        });
    });
    group.bench_function("sign", |bencher| bencher.iter(|| ping.seal(&key)));
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            let datagram = Datagram::parse(&sealed.bytes)?;
            datagram.check_hash()?;
            datagram.packet()
        });
    });
    group.bench_function("recover", |bencher| bencher.iter(|| datagram.signer()));

    let (curve, digest) = (Secp256k1::new(), Message::from_digest([7; 32]));
    let secret = secp256k1::SecretKey::from_byte_array(&key.to_bytes()).expect("a key");
    let signature: RecoverableSignature = curve.sign_ecdsa_recoverable(&digest, &secret);
    group.bench_function("sign_primitive", |bencher| {
        bencher.iter(|| curve.sign_ecdsa_recoverable(&digest, &secret));
    });
    group.bench_function("recover_primitive", |bencher| {
        bencher.iter(|| curve.recover_ecdsa(&digest, &signature));
    });
}

const PLAN: Plan = Plan {
    nodes: 1000,
    loss: 0.05,
    churn: 0.2,
    time: Duration::from_secs(600),
    has_id: false,
    subnet: None,
    lookups: 1000,
    seed: 1,
};

/// One of a hundred nodes, under 50 000 junk datagrams per second.
fn flooded(_: &mut Criterion) {
    let mut network = Network::new(Plan { nodes: benches::size(100, 20), churn: 0.0, ..PLAN });
    network.run(Duration::from_secs(60));
    let flood = flood::flood(&mut network, 7, benches::size(50_000, 500), benches::size(10, 1));
    eprintln!("{flood:?}");
    benches::measured("discovery.flood_50k_core_share", flood.core_share);
    benches::measured("discovery.flood_50k_found_share", flood.found_share);
}

/// A thousand nodes for ten virtual minutes. Only a few nodes if the benchmark runs as a test.
fn simulated(_: &mut Criterion) {
    if !benches::measuring() {
        let report = network::simulate(Plan { nodes: 30, lookups: 30, ..PLAN });
        assert!(report.found_share > 0.0, "{report:?}");
        return;
    }
    let begun = std::time::Instant::now();
    let report = network::simulate(PLAN);
    eprintln!("{report:?} in {:?}", begun.elapsed());
    benches::measured("discovery.sim1000_found_share", report.found_share);
    benches::measured("discovery.sim1000_rounds_p50", report.rounds_p50);
    benches::measured("discovery.sim1000_bytes_per_node_minute", report.bytes_per_node_minute);
    benches::measured(
        "discovery.sim1000_datagrams_per_node_minute",
        report.datagrams_per_node_minute,
    );
}

criterion_group!(benches, packet, flooded, simulated);
criterion_main!(benches);

//! Discovery: the cost of a packet next to that of its curve operation, the cost of a flood, and a simulated
//! network of a thousand nodes.

#[path = "../crates/p2p-sim/tests/discovery/flood.rs"]
mod flood;
#[path = "../crates/p2p-sim/tests/discovery/nodes.rs"]
mod nodes;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use nodes::Plan;
use p2p_discovery::{
    Discovery, Discv4Config,
    v4::{Datagram, Endpoint, Packet, Ping},
};
use p2p_identity::{Content, Record, SecretKey};
use p2p_sim::Junk;
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
    hostile_subnets: 1,
    lookups: 1000,
    regions: 16,
    seed: 1,
};

/// One of a hundred nodes, under 50 000 junk datagrams per second.
fn flooded(_: &mut Criterion) {
    let (per_second, seconds) = (benches::size(50_000, 500), benches::size(10, 1));
    let plan = Plan { nodes: benches::size(100, 20), churn: 0.0, ..PLAN };
    let flood = flood::flood(plan, per_second, seconds).expect("no invariant");
    eprintln!("{flood:?}");
    benches::measured("discovery.flood_50k_core_share", core_share(per_second, seconds));
    benches::measured("discovery.flood_50k_found_share", flood.found_share);
}

/// The share of a core that a machine alone spends on this many junk datagrams per second.
fn core_share(per_second: u32, seconds: u32) -> f64 {
    const UNIX: u64 = 1_700_000_000;
    const TICK: Duration = Duration::from_millis(10);
    let (start, mut spent) = (Instant::now(), Duration::ZERO);
    let key = SecretKey::random(&mut benches::rng());
    let record = Record::sign(&key, 1, &Content::new().tcp(30303)).expect("a short record");
    let mut machine =
        Discovery::new(start, Discv4Config::new(), key, &record, [7; 32]).expect("the own record");
    let mut junk = Junk::new(8, UNIX);
    for tick in 0..100 * seconds {
        let now = start + TICK * tick;
        let unix = UNIX + u64::from(tick / 100);
        let arrived: Vec<(SocketAddr, Vec<u8>)> = (0..per_second / 100)
            .map(|_| {
                let (from, datagram) = junk.draw();
                (from, datagram.to_vec())
            })
            .collect();
        let clock = Instant::now();
        for (from, datagram) in &arrived {
            machine.handle_datagram(now, unix, *from, datagram);
            drain(&mut machine);
        }
        if machine.poll_timeout().is_some_and(|due| due <= now) {
            machine.handle_timeout(now, unix);
            drain(&mut machine);
        }
        spent += clock.elapsed();
    }
    spent.as_secs_f64() / f64::from(seconds)
}

/// Takes the output of a machine, as a driver does.
fn drain(machine: &mut Discovery) {
    while machine.poll_transmit().is_some() {}
    while machine.poll_event().is_some() {}
}

/// A thousand nodes for ten virtual minutes. Only a few nodes if the benchmark runs as a test.
fn simulated(_: &mut Criterion) {
    if !benches::measuring() {
        let report =
            nodes::simulate(Plan { nodes: 30, lookups: 30, ..PLAN }).expect("no invariant");
        assert!(report.found_share > 0.0, "{report:?}");
        return;
    }
    let begun = Instant::now();
    let report = nodes::simulate(PLAN).expect("no invariant");
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

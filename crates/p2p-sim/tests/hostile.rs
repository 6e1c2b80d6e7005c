//! A node keeps serving its peers while hosts attack it.

use std::time::Duration;

use p2p_server::mux::Service;
use p2p_sim::{Hostile, Link, Network, Nodes, Violation};

const SECOND: Duration = Duration::from_secs(1);

/// Two nodes, the first of which is attacked. The second one asks it for an answer, which must come in time.
fn check(attacks: &[Hostile]) -> Result<(), Violation> {
    let double = || {
        Service::new("double", 1, |_peer, number: u64| async move { Ok::<_, String>(2 * number) })
    };
    let services = [double(), double()];
    let asking = services[1].clone();
    let mut network = Network::new(5).link(Link::default().latency(SECOND / 50..SECOND / 20));
    let nodes = Nodes::new(&mut network, 2, 1, move |node| {
        let service = services[node.index()].protocol();
        node.protocol(service)
    });
    let target = nodes.hosts()[0];
    for attack in attacks {
        attack.attack(&mut network, nodes.id(0), (target.ip(), 30_303).into());
    }
    assert!(network.run_until(10 * SECOND, |_| nodes.are_connected())?, "{attacks:?}");
    for number in 0..5 {
        network.run_for(SECOND)?;
        let server = nodes.server(0).expect("it is up");
        let memory = server.stats().memory;
        assert!(memory.used <= memory.limit, "{attacks:?}");
        let answer = network.block_on(async {
            let peer = asking.peers().into_iter().next().expect("still connected");
            tokio::time::timeout(SECOND, peer.request(&number)).await
        });
        assert_eq!(answer.expect("in time").expect("an answer"), 2 * number, "{attacks:?}");
    }
    let accepted = nodes.server(0).expect("it is up").stats().accepted;
    let of_peers = nodes.dials(1).len() as u64;
    assert!(accepted > of_peers, "no attack has arrived: {attacks:?}");
    Ok(())
}

#[test]
fn each_attack_alone() -> Result<(), Violation> {
    Hostile::ALL.iter().try_for_each(|attack| check(&[*attack]))?;
    check(&[Hostile::FloodsSlot { name: "double", version: 1, length: 2 }])
}

#[test]
fn all_attacks_at_once() -> Result<(), Violation> {
    check(&Hostile::ALL)
}

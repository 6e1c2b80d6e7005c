//! A rumor spreads over a hundred nodes, on lines with latency and loss, while hosts lose their power.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use p2p_server::mux::{Service, rlp::Empty};
use p2p_sim::{FaultMix, Link, Network, Nodes, Violation, random_faults};

type Rumor = Service<u64, Empty>;

/// A node that tells all its peers what it hears for the first time.
fn rumor() -> (Rumor, Arc<OnceLock<u64>>) {
    let heard = Arc::new(OnceLock::new());
    let (known, this) = (Arc::clone(&heard), Arc::new(OnceLock::<Rumor>::new()));
    let me = Arc::clone(&this);
    let service = Service::new("rumor", 1, move |_peer, word| {
        if known.set(word).is_ok()
            && let Some(service) = me.get()
        {
            service.broadcast(&word);
        }
        async { Ok::<_, String>(Empty) }
    });
    this.set(service.clone()).ok();
    (service, heard)
}

fn main() -> Result<(), Violation> {
    let nodes: Vec<_> = (0..100).map(|_| rumor()).collect();
    let (services, heard): (Vec<_>, Vec<_>) = nodes.into_iter().unzip();
    let (first, second) = (services[0].clone(), Duration::from_secs(1));

    let mix = FaultMix {
        every: 5 * second,
        repair: 30 * second,
        stops: true,
        moves: true,
        partitions: true,
        clocks: 0.0,
    };
    let link = Link::default().latency(second / 50..second / 10).loss(0.01);
    let faults = random_faults(7, 100, 120 * second, &mix);
    let mut network = Network::new(7).link(link).faults(faults);
    Nodes::new(&mut network, 100, 6, move |node| {
        let service = services[node.index()].protocol();
        node.protocol(service)
    });
    network.run_for(5 * second)?;

    first.broadcast(&42);
    let all = |_: &Network| heard.iter().skip(1).all(|word| word.get() == Some(&42));
    assert!(network.run_until(second, all)?, "everyone has heard it");
    println!("all 99 have heard it after {:?}", network.elapsed());
    Ok(())
}

#[test]
fn the_rumor_reaches_all() -> Result<(), Violation> {
    main()
}

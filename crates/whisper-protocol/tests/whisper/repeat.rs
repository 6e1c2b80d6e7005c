//! A network in one thread does the same from the same seed: every packet on every connection, and every message and
//! receipt, at the same virtual time.

mod network;

use network::Network;

/// The trace of 20 virtual seconds: posts of several nodes, and connections that are lost and made.
fn trace(seed: u64) -> Vec<String> {
    let _seed = p2p_world::seed_thread(seed);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async { Network::new().run().await })
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let first = trace(1);
    let again = trace(1);
    let differs = first.iter().zip(&again).position(|(a, b)| a != b);
    if let Some(line) = differs {
        panic!("line {line} of {}:\n{}\n{}", first.len(), first[line], again[line]);
    }
    assert_eq!(first.len(), again.len());
    assert_ne!(first, trace(2), "another seed");
    // Something happened: messages reached their filters, and posts ended.
    let count = |what: &str| first.iter().filter(|line| line.contains(what)).count();
    let counts = ["packet", "message", "posted", "ended"].map(count);
    assert!(counts[0] > 300 && counts[1] > 300 && counts[2] > 10 && counts[3] > 10, "{counts:?}");
}

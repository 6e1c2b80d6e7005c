//! Networks of servers: the same seed does the same, and peers find each other again.

use std::time::Duration;

use p2p_server::mux::{Service, rlp::Empty};
use p2p_sim::{
    Fault, FaultMix, HostId, Link, Network, Nodes, TraceEvent, Violation, random_faults,
};

const SECOND: Duration = Duration::from_secs(1);

fn quiet() -> Service<Empty, Empty> {
    Service::new("quiet", 1, |_peer, Empty| async { Ok::<_, String>(Empty) })
}

fn network(seed: u64) -> (Network, Nodes) {
    let mix = FaultMix {
        every: 2 * SECOND,
        repair: 5 * SECOND,
        stops: true,
        moves: false,
        partitions: true,
        clocks: 60.0,
    };
    let link = Link::default().latency(SECOND / 100..SECOND / 10).loss(0.02).bandwidth(1_000_000);
    let mut network =
        Network::new(seed).link(link).faults(random_faults(seed, 12, 40 * SECOND, &mix));
    let nodes = Nodes::new(&mut network, 12, 4, |node| node.protocol(quiet().protocol()));
    (network, nodes)
}

#[test]
fn equal_seeds_give_equal_traces_of_servers() -> Result<(), Violation> {
    let run = |seed| {
        let (mut network, _nodes) = network(seed);
        network.run_for(60 * SECOND)?;
        Ok::<_, Violation>((network.trace_hash(), network.events()))
    };
    let first = run(11)?;
    assert_eq!(first, run(11)?);
    assert_ne!(first, run(12)?);
    Ok(())
}

#[test]
fn nodes_connect_without_cryptography() -> Result<(), Violation> {
    let run = || {
        let (network, nodes) = network(11);
        let mut network = network.null_cryptography();
        network.run_for(40 * SECOND)?;
        assert!(network.run_until(120 * SECOND, |_| nodes.are_connected())?);
        Ok::<_, Violation>(network.trace_hash())
    };
    let (mut encrypted, nodes) = network(11);
    encrypted.run_for(40 * SECOND)?;
    assert!(encrypted.run_until(120 * SECOND, |_| nodes.are_connected())?);
    let first = run()?;
    assert_eq!(first, run()?);
    assert_ne!(first, encrypted.trace_hash(), "the bytes differ");
    Ok(())
}

#[test]
fn all_are_connected_again_when_everything_is_repaired() -> Result<(), Violation> {
    let (mut network, nodes) = network(3);
    network.run_for(40 * SECOND)?;
    assert!(network.run_until(120 * SECOND, |_| nodes.are_connected())?);
    Ok(())
}

#[test]
fn a_trace_has_a_line_for_each_event_that_is_wanted() -> Result<(), Violation> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let out = file.reopen().expect("the same file");
    let wanted = |event: &TraceEvent<'_>| {
        matches!(event, TraceEvent::Started(_) | TraceEvent::Fault(_) | TraceEvent::Note { .. })
    };
    let mut network =
        Network::new(1).faults(vec![(SECOND, Fault::Kill(HostId(1)))]).trace_to(out, wanted);
    let nodes = Nodes::new(&mut network, 2, 1, |node| node.protocol(quiet().protocol()));
    network.run_for(2 * SECOND)?;
    network.flush_trace().expect("a file that can be written");
    let text = std::fs::read_to_string(file.path()).expect("a text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(&lines[..2], ["0 start 0", "0 start 1"]);
    assert!(lines.contains(&"1000 fault kill 1"), "{text}");
    assert!(lines.iter().any(|line| line.contains("note 0 peer-dropped")), "{text}");
    assert!(nodes.server(1).is_none() && nodes.server(0).is_some());
    Ok(())
}

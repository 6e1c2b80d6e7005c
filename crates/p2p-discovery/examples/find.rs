//! Ten nodes in one process find each other over UDP. At first each knows only the boot node.
//!
//! `cargo run -p p2p-discovery --example find`

use std::{error::Error, net::SocketAddr};

use p2p_discovery::{Discv4, Discv4Config, Event};
use p2p_identity::{Content, Record, SecretKey};

async fn start() -> Result<Discv4, Box<dyn Error>> {
    let key = SecretKey::generate();
    let record = Record::sign(&key, 1, &Content::new().tcp(30303))?;
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(Discv4::start(Discv4Config::new(), key, &record, address).await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let boot = start().await?;
    let mut nodes = Vec::new();
    for _ in 0..10 {
        let node = start().await?;
        let mut events = node.events();
        node.add_boot_node(&boot.enode()).await?;
        // The boot node has proved its address, so it can be asked for others.
        while !matches!(events.recv().await?, Event::Found(found) if found.id == boot.id()) {}
        nodes.push(node);
    }
    let [first, .., last] = &nodes[..] else { return Err("fewer than two nodes".into()) };
    let outcome = first.lookup(last.id()).await?;
    let nearest = outcome.nodes.first().ok_or("no node was found")?;
    println!("{:?} finds {} at {}", first.id(), outcome.nodes.len(), nearest.enode());
    assert_eq!(nearest.id, last.id());
    // The record is signed by the node that was found, so no other node can have changed it.
    let record = first.request_record(&nearest.enode()).await?;
    assert_eq!(record.id(), last.id());
    for node in nodes.iter().chain([&boot]) {
        node.stop().await;
    }
    Ok(())
}

#[test]
fn each_node_can_be_found() {
    main().unwrap();
}

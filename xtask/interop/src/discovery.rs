//! The discovery of ethereumjs and our nodes find each other.

use std::net::SocketAddr;

use p2p_server::{
    identity::{Content, Enode, NodeId, Record, SecretKey},
    p2p_discovery::{Discv4, Discv4Config, Event},
};
use serde_json::json;
use tokio::sync::broadcast::Receiver;

use crate::{
    check::{Failure, passed, same, within},
    peer::{self, Peer},
};

/// Starts a node of ours. The TCP port must be unique: ethereumjs uses it to distinguish nodes with one IP address.
async fn start(tcp: u16) -> Result<Discv4, Failure> {
    let key = SecretKey::random(&mut rand::rng());
    let record = Record::sign(&key, 1, &Content::new().tcp(tcp))?;
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(Discv4::start(Discv4Config::new(), key, &record, here).await?)
}

/// ethereumjs finds our nodes through one of them, and a node of ours finds the others through ethereumjs.
pub(crate) async fn check() -> Result<(), Failure> {
    let (first, second) = (start(30301).await?, start(30302).await?);
    let (mut first_events, mut second_events) = (first.events(), second.events());
    second.add_boot_node(&first.enode()).await?;
    found(&mut second_events, first.id(), "our second node finds the first").await?;
    found(&mut first_events, second.id(), "our first node finds the second").await?;

    let mut script = Peer::start("dpt.mjs")?;
    let theirs = listening(&mut script).await?;
    let Enode { host, tcp, udp, .. } = first.enode();
    let command = json!({ "do": "bootstrap", "address": host.to_string(), "tcp": tcp, "udp": udp });
    script.command(command).await?;
    found(&mut first_events, theirs.id, "our first node finds ethereumjs").await?;
    let mut added = vec![added(&mut script).await?, added(&mut script).await?];
    let mut ours = vec![first.id().to_string(), second.id().to_string()];
    added.sort_unstable();
    ours.sort_unstable();
    same("the nodes that ethereumjs has added", &added, &ours)?;
    passed("ethereumjs bonds with our node, asks it for other nodes, and bonds with those");

    let third = start(30303).await?;
    let mut events = third.events();
    third.add_boot_node(&theirs).await?;
    found(&mut events, theirs.id, "our third node finds ethereumjs").await?;
    let outcome = within("the end of a lookup", third.lookup(second.id())).await??;
    let mut nodes: Vec<NodeId> = outcome.nodes.iter().map(|node| node.id).collect();
    let mut all = vec![first.id(), second.id(), theirs.id];
    nodes.sort_unstable();
    all.sort_unstable();
    same("the nodes that our third node has found", &nodes, &all)?;
    within("the answer to a ping", third.ping(&theirs)).await??;
    passed("our node bonds with ethereumjs, asks it for other nodes, and finds those");
    for node in [first, second, third] {
        node.stop().await;
    }
    Ok(())
}

async fn found(events: &mut Receiver<Event>, id: NodeId, what: &str) -> Result<(), Failure> {
    within(what, async {
        loop {
            match events.recv().await? {
                Event::Found(node) if node.id == id => return Ok(()),
                _ => {}
            }
        }
    })
    .await?
}

async fn listening(script: &mut Peer) -> Result<Enode, Failure> {
    let listening = script.event("listening").await?;
    let bytes = peer::bytes(&listening, "id")?;
    let id = NodeId(bytes.try_into().map_err(|_| "the id is not 64 bytes long")?);
    let port = u16::try_from(listening["port"].as_u64().unwrap_or_default())?;
    Ok(Enode::new(id, SocketAddr::from(([127, 0, 0, 1], port))))
}

async fn added(script: &mut Peer) -> Result<String, Failure> {
    let added = script.event("added").await?;
    Ok(peer::text(&added, "id")?.to_owned())
}

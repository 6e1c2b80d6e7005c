//! Finding nodes together with the discovery of ethereumjs: it asks us, and we ask it.

use std::net::SocketAddr;

use p2p_server::{
    identity::{Content, Enode, NodeId, Record, SecretKey},
    p2p_discovery::{Discv4, Discv4Config, Event},
};
use serde_json::json;
use tokio::sync::broadcast::Receiver;

use crate::{Failure, done, peer, peer::Peer, same, within};

/// A node of ours. The library tells nodes of one address apart by their TCP ports.
async fn start(tcp: u16) -> Result<Discv4, Failure> {
    let key = SecretKey::random(&mut rand::rng());
    let record = Record::sign(&key, 1, &Content::new().tcp(tcp))?;
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(Discv4::start(Discv4Config::new(), key, &record, here).await?)
}

/// Lets it find our nodes through one of them, and one of ours find the others through it.
pub(crate) async fn hold() -> Result<(), Failure> {
    let (first, second) = (start(30301).await?, start(30302).await?);
    let (mut events, mut met) = (first.events(), second.events());
    second.add_boot_node(&first.enode()).await?;
    found(&mut met, first.id(), "our first node, by our second").await?;
    found(&mut events, second.id(), "our second node, by our first").await?;

    let mut script = Peer::start("dpt.mjs")?;
    let theirs = listening(&mut script).await?;
    let Enode { host, tcp, udp, .. } = first.enode();
    let command = json!({ "do": "bootstrap", "address": host.to_string(), "tcp": tcp, "udp": udp });
    script.tell(command).await?;
    found(&mut events, theirs.id, "ethereumjs, by our first node").await?;
    let mut added = vec![added(&mut script).await?, added(&mut script).await?];
    let mut ours = vec![first.id().to_string(), second.id().to_string()];
    added.sort_unstable();
    ours.sort_unstable();
    same("the nodes that ethereumjs has found", &added, &ours)?;
    done("it bonds with our node, asks it for others, and bonds with those");

    let third = start(30303).await?;
    let mut events = third.events();
    third.add_boot_node(&theirs).await?;
    found(&mut events, theirs.id, "ethereumjs, by our third node").await?;
    let outcome = within("the end of a lookup", third.lookup(second.id())).await??;
    let mut nodes: Vec<NodeId> = outcome.nodes.iter().map(|node| node.id).collect();
    let mut all = vec![first.id(), second.id(), theirs.id];
    nodes.sort_unstable();
    all.sort_unstable();
    same("the nodes that our third node has found", &nodes, &all)?;
    within("the answer to a ping", third.ping(&theirs)).await??;
    done("our node bonds with it, asks it for others, and finds those");
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
    let listening = script.hear("listening").await?;
    let bytes = peer::bytes(&listening, "id")?;
    let id = NodeId(bytes.try_into().map_err(|_| "the id is not of 64 bytes")?);
    let port = u16::try_from(listening["port"].as_u64().unwrap_or_default())?;
    Ok(Enode::new(id, SocketAddr::from(([127, 0, 0, 1], port))))
}

async fn added(script: &mut Peer) -> Result<String, Failure> {
    let added = script.hear("added").await?;
    Ok(peer::text(&added, "id")?.to_owned())
}

//! One connection with the JavaScript peer, from the first call to the farewell.

use std::{net::SocketAddr, time::Duration};

use p2p_mux::{
    CloseReason, DisconnectReason,
    identity::{Enode, Host, NodeId},
};
use serde_json::json;
use whisper_envelope::{Dialect, Draft, Recipient, SymmetricKey};
use whisper_pow::{Miner, Rule, Target, Work};
use whisper_protocol::{
    Clock, Envelope, FilterKey, FilterSpec, KeyId, Post, Recipient as To, Topic,
};

use crate::{
    Failure, done,
    node::{self, Echo, MIN_WORK, NAME, Node},
    peer::{self, Peer},
    same, within,
};

/// Who opens the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Ours,
    Theirs,
}

const TOPIC: Topic = Topic(*b"news");

/// Connects, says everything there is to say in both directions, and parts.
pub(crate) async fn hold(caller: Caller) -> Result<(), Failure> {
    let mut node = Node::start().await?;
    let mut peer = Peer::start("peer.mjs")?;
    connect(caller, &mut node, &mut peer).await?;
    statuses(&mut peer).await?;
    echoes(&mut node, &mut peer).await?;
    let key = SymmetricKey::random(&mut rand::rng());
    let id = node.whisper.keys().add_symmetric(key.clone());
    from_them(&node, &mut peer, &key, id).await?;
    from_us(&node, &mut peer, &key, id).await?;
    part(&mut node, &mut peer).await?;
    node.stop().await
}

async fn connect(caller: Caller, node: &mut Node, peer: &mut Peer) -> Result<(), Failure> {
    let listening = peer.hear("listening").await?;
    let bytes = peer::bytes(&listening, "id")?;
    let id = NodeId(bytes.try_into().map_err(|_| "the peer's id is not 64 bytes")?);
    match caller {
        Caller::Ours => {
            let port = u16::try_from(listening["port"].as_u64().unwrap_or_default())?;
            node.server.add_peer(Enode::new(id, SocketAddr::from(([127, 0, 0, 1], port))));
        }
        Caller::Theirs => {
            let Enode { id, host, tcp, .. } = node.enode();
            let Host::Ip(address) = host else { return Err("our node has no address".into()) };
            let command =
                json!({ "do": "dial", "id": id.to_string(), "address": address, "port": tcp });
            peer.tell(command).await?;
        }
    }
    node.connected(&id).await?;
    let connected = peer.hear("connected").await?;
    same(
        "our id at the peer",
        &peer::text(&connected, "id")?,
        &node.server.id().to_string().as_str(),
    )?;
    same("our name at the peer", &peer::text(&connected, "client")?, &NAME)?;
    same(
        "what we offer",
        &connected["capabilities"],
        &json!(["chunk/1", "echo/1", "shh/5", "shh/6"]),
    )?;
    same("what the peer runs", &connected["running"], &json!(["Echo", "Shh"]))?;
    let ours = node.server.peer(&id).ok_or("the peer is connected, but unknown")?;
    let shared: Vec<String> = ours.shared().iter().map(ToString::to_string).collect();
    same("what we run", &shared, &vec!["echo/1".to_owned(), "shh/6".to_owned()])?;
    done("handshake, Hello, shh/6 and echo/1 on one connection");
    Ok(())
}

async fn statuses(peer: &mut Peer) -> Result<(), Failure> {
    let status = peer.hear("status").await?;
    same("the version in our status", &status["version"], &json!(6))?;
    same("the work in our status", &status["work"], &json!(MIN_WORK))?;
    done("status");
    Ok(())
}

async fn echoes(node: &mut Node, peer: &mut Peer) -> Result<(), Failure> {
    let Echo::Open(sender) = node.echo().await? else {
        return Err("a pong before the start".into());
    };
    node::ping(&sender, b"from us").await?;
    let ping = peer.hear("ping").await?;
    same("our word", &peer::bytes(&ping, "word")?, &b"from us".to_vec())?;
    let Echo::Pong(word) = node.echo().await? else {
        return Err("the protocol was started twice".into());
    };
    same("our word, answered", &word, &b"from us".to_vec())?;

    peer.tell(json!({ "do": "ping", "word": hex::encode("from them") })).await?;
    let pong = peer.hear("pong").await?;
    same("their word, answered", &peer::bytes(&pong, "word")?, &b"from them".to_vec())?;
    done("the second protocol, both ways");
    Ok(())
}

/// Sealed by our crates, handed over by the peer, delivered by our node.
async fn from_them(
    node: &Node,
    peer: &mut Peer,
    key: &SymmetricKey,
    id: KeyId,
) -> Result<(), Failure> {
    let mut watch = node.whisper.watch(FilterSpec::new(FilterKey::Symmetric(id)).topic(TOPIC))?;
    let draft = Draft::new(Dialect::V6, Recipient::Symmetric(key), Clock::system().now());
    let unsealed =
        draft.payload(b"by way of the peer").topic(TOPIC).ttl(30).encrypt(&mut rand::rng())?;
    let enough = Work::new(2.0 * MIN_WORK).ok_or("not an amount of work")?;
    let sealed = Miner::new()
        .seal(&unsealed, Rule::EIP_627, Target::AtLeast(enough), Duration::from_secs(20))
        .await?;
    let envelope = sealed.envelope;

    peer.tell(json!({ "do": "envelopes", "raw": [hex::encode(envelope.raw())] })).await?;
    let received =
        within("the message in our filter", watch.next()).await?.ok_or("the filter has ended")?;
    same("the hash", &received.hash, envelope.hash())?;
    same("the payload", &received.message.payload[..].as_ref(), &b"by way of the peer".as_slice())?;
    done("an envelope from the peer reaches a filter on our node");
    Ok(())
}

/// Posted on our node, received by the peer; and what came from the peer does not go back to it.
async fn from_us(
    node: &Node,
    peer: &mut Peer,
    key: &SymmetricKey,
    id: KeyId,
) -> Result<(), Failure> {
    let post = Post {
        topic: TOPIC,
        ttl: 30,
        payload: b"posted here".to_vec(),
        pow_target: MIN_WORK,
        pow_time: Duration::from_secs(20),
        ..Post::new(To::Symmetric(id))
    };
    let receipt = node.whisper.post(post).await?;
    let event = peer.hear("envelope").await?;
    let envelope = Envelope::decode(Dialect::V6, peer::bytes(&event, "raw")?.into())?;
    same("the hash at the peer", envelope.hash(), &receipt.hash())?;
    let message = envelope.open_symmetric(key)?;
    same("the payload at the peer", &message.payload[..].as_ref(), &b"posted here".as_slice())?;
    done("a message posted on our node reaches the peer");
    Ok(())
}

async fn part(node: &mut Node, peer: &mut Peer) -> Result<(), Failure> {
    peer.tell(json!({ "do": "leave" })).await?;
    match node.dropped().await? {
        CloseReason::ByPeer(DisconnectReason::Quitting) => {}
        other => {
            return Err(format!("the peer said it was quitting, we understood {other:?}").into());
        }
    }
    done("the peer's farewell is understood");
    Ok(())
}

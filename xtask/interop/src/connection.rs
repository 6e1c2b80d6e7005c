//! One connection with the JavaScript peer, from the dial to the disconnect.

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
    check::{Failure, passed, same, within},
    node::{self, Echo, MIN_WORK, NAME, Node},
    peer::{self, Peer},
};

/// The end that dials.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialer {
    /// Our node.
    Node,
    /// The JavaScript peer.
    Peer,
}

const TOPIC: Topic = Topic(*b"news");

/// Connects, sends every kind of message in both directions, and disconnects.
pub(crate) async fn check(dialer: Dialer) -> Result<(), Failure> {
    let mut node = Node::start().await?;
    let mut peer = Peer::start("peer.mjs")?;
    connect(dialer, &mut node, &mut peer).await?;
    check_status(&mut peer).await?;
    check_echo(&mut node, &mut peer).await?;
    let key = SymmetricKey::random(&mut rand::rng());
    let id = node.whisper.keys().add_symmetric(key.clone());
    receive_envelope(&node, &mut peer, &key, id).await?;
    send_envelope(&node, &mut peer, &key, id).await?;
    disconnect(&mut node, &mut peer).await?;
    node.stop().await
}

async fn connect(dialer: Dialer, node: &mut Node, peer: &mut Peer) -> Result<(), Failure> {
    let listening = peer.event("listening").await?;
    let bytes = peer::bytes(&listening, "id")?;
    let id = NodeId(bytes.try_into().map_err(|_| "the peer's id is not 64 bytes long")?);
    match dialer {
        Dialer::Node => {
            let port = u16::try_from(listening["port"].as_u64().unwrap_or_default())?;
            node.server.add_peer(Enode::new(id, SocketAddr::from(([127, 0, 0, 1], port))));
        }
        Dialer::Peer => {
            let Enode { id, host, tcp, .. } = node.enode();
            let Host::Ip(address) = host else { return Err("our node has no address".into()) };
            let command =
                json!({ "do": "dial", "id": id.to_string(), "address": address, "port": tcp });
            peer.command(command).await?;
        }
    }
    node.connected(&id).await?;
    let connected = peer.event("connected").await?;
    same(
        "our id at the peer",
        &peer::text(&connected, "id")?,
        &node.server.id().to_string().as_str(),
    )?;
    same("our name at the peer", &peer::text(&connected, "client")?, &NAME)?;
    same(
        "what we offer",
        &connected["capabilities"],
        &json!(["chunk/1", "echo/1", "sec/1", "shh/5", "shh/6"]),
    )?;
    same("what the peer runs", &connected["running"], &json!(["Echo", "Shh"]))?;
    let ours = node.server.peer(&id).ok_or("our node does not list the connected peer")?;
    let shared: Vec<String> = ours.shared().iter().map(ToString::to_string).collect();
    same("what we run", &shared, &vec!["echo/1".to_owned(), "shh/6".to_owned()])?;
    passed("handshake, Hello, shh/6 and echo/1 on one connection");
    Ok(())
}

async fn check_status(peer: &mut Peer) -> Result<(), Failure> {
    let status = peer.event("status").await?;
    same("the version in our status", &status["version"], &json!(6))?;
    same("the work in our status", &status["work"], &json!(MIN_WORK))?;
    passed("status");
    Ok(())
}

async fn check_echo(node: &mut Node, peer: &mut Peer) -> Result<(), Failure> {
    let Echo::Open(sender) = node.echo().await? else {
        return Err("a pong came before the protocol started".into());
    };
    node::ping(&sender, b"from us").await?;
    let ping = peer.event("ping").await?;
    same("our ping at the peer", &peer::bytes(&ping, "word")?, &b"from us".to_vec())?;
    let Echo::Pong(word) = node.echo().await? else {
        return Err("the protocol started twice".into());
    };
    same("the answer to our ping", &word, &b"from us".to_vec())?;

    peer.command(json!({ "do": "ping", "word": hex::encode("from them") })).await?;
    let pong = peer.event("pong").await?;
    same("our answer to the peer's ping", &peer::bytes(&pong, "word")?, &b"from them".to_vec())?;
    passed("echo/1 in both directions");
    Ok(())
}

/// The peer sends an envelope that our crates have sealed; a filter of our node receives it.
async fn receive_envelope(
    node: &Node,
    peer: &mut Peer,
    key: &SymmetricKey,
    id: KeyId,
) -> Result<(), Failure> {
    let mut watch = node.whisper.watch(FilterSpec::new(FilterKey::Symmetric(id)).topic(TOPIC))?;
    let draft = Draft::new(Dialect::V6, Recipient::Symmetric(key), Clock::system().now());
    let unsealed =
        draft.payload(b"sent by the peer").topic(TOPIC).ttl(30).encrypt(&mut rand::rng())?;
    let enough = Work::new(2.0 * MIN_WORK).ok_or("the work is not a valid number")?;
    let sealed = Miner::new()
        .seal(&unsealed, Rule::EIP_627, Target::AtLeast(enough), Duration::from_secs(20))
        .await?;
    let envelope = sealed.envelope;

    peer.command(json!({ "do": "envelopes", "raw": [hex::encode(envelope.raw())] })).await?;
    let received =
        within("the message in our filter", watch.next()).await?.ok_or("the filter has ended")?;
    same("the hash", &received.hash, envelope.hash())?;
    same("the payload", &received.message.payload[..].as_ref(), &b"sent by the peer".as_slice())?;
    passed("an envelope from the peer reaches a filter on our node");
    Ok(())
}

/// The peer receives a message that our node posts, and not the envelope that it has sent itself.
async fn send_envelope(
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
    let event = peer.event("envelope").await?;
    let envelope = Envelope::decode(Dialect::V6, peer::bytes(&event, "raw")?.into())?;
    // The rule of this peer is not known, so it may get the envelope of another rule than the first.
    same("the post of the envelope", &node.whisper.receipt(envelope.hash()), &Some(receipt))?;
    let message = envelope.open_symmetric(key)?;
    same("the payload at the peer", &message.payload[..].as_ref(), &b"posted here".as_slice())?;
    passed("a message posted on our node reaches the peer");
    Ok(())
}

async fn disconnect(node: &mut Node, peer: &mut Peer) -> Result<(), Failure> {
    peer.command(json!({ "do": "leave" })).await?;
    match node.dropped().await? {
        CloseReason::ByPeer(DisconnectReason::Quitting) => {}
        other => {
            return Err(format!(
                "the peer disconnects because it quits, our node reports {other:?}"
            )
            .into());
        }
    }
    passed("the reason of the peer's disconnect reaches our node");
    Ok(())
}

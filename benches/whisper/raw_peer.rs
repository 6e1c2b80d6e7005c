//! A minimal peer of a node. It needs little processor time, so that the figures are those of the node.

use bytes::{Bytes, BytesMut};
use p2p_identity::{Enode, SecretKey};
use p2p_mux::{Channel, Config, LocalNode, Message, Origin, Protocol, exchange_hello};
use rlp_codec::{Header, Item};
use rlpx_transport::{HANDSHAKE_LIMIT, connect};
use tokio::{net::TcpStream, sync::mpsc, task::AbortHandle};
use tokio_util::sync::CancellationToken;
use whisper_envelope::{Dialect, Envelope, Unhashed};

const STATUS: u64 = 0;
const ENVELOPES: u64 = 1;

/// A status with version 6, no minimum work and all topics.
const STATUS_ALL: &[u8] = &[0xc1, 0x06];

/// A peer that accepts all envelopes. It disconnects when it is dropped.
pub(crate) struct RawPeer {
    channel: Channel,
    connection: AbortHandle,
}

impl RawPeer {
    /// Connects to a node of this machine, and exchanges the status.
    pub(crate) async fn connect(enode: &Enode) -> Self {
        let key = SecretKey::random(&mut rand::rng());
        let id = enode.id;
        let addr = (std::net::Ipv4Addr::LOCALHOST, enode.tcp);
        let io = TcpStream::connect(addr).await.expect("the node listens");
        io.set_nodelay(true).expect("a socket");
        let stream = connect(io, &key, &id, HANDSHAKE_LIMIT).await.expect("a handshake");
        let (sender, mut receiver) = mpsc::channel(1);
        let protocol = Protocol::new("shh", 6, 128, move |_, channel| {
            let sender = sender.clone();
            async move {
                sender.send(channel).await.ok();
                std::future::pending::<()>().await;
                Ok(())
            }
        });
        let local =
            LocalNode { client: "bench".into(), protocols: vec![protocol], port: 0, id: key.id() };
        let negotiated =
            exchange_hello(stream, &local, &Config::default()).await.expect("shh in common");
        let connection = tokio::spawn(async move {
            let (_peer, run) = negotiated.run(Origin::default(), CancellationToken::new());
            run.await;
        });
        let mut channel = receiver.recv().await.expect("the connection is open");
        channel.send_raw(STATUS, STATUS_ALL).await.expect("the connection is open");
        let status = channel.recv().await.expect("a status");
        assert_eq!(status.code, STATUS);
        Self { channel, connection: connection.abort_handle() }
    }

    /// Sends one packet of envelopes.
    pub(crate) async fn send(&self, envelopes: &[Envelope]) {
        let packet = packet(envelopes);
        self.channel.send_raw(ENVELOPES, packet).await.expect("the connection is open");
    }

    /// The nonces of the envelopes in the next packet.
    pub(crate) async fn recv(&mut self) -> Vec<u64> {
        loop {
            let Message { code, payload } = self.channel.recv().await.expect("the node runs");
            if code == ENVELOPES {
                return nonces(&payload);
            }
        }
    }
}

impl Drop for RawPeer {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

fn packet(envelopes: &[Envelope]) -> Bytes {
    let payload_length = envelopes.iter().map(|envelope| envelope.raw().len()).sum();
    let mut packet = BytesMut::new();
    Header { list: true, payload_length }.encode(&mut packet);
    envelopes.iter().for_each(|envelope| packet.extend_from_slice(envelope.raw()));
    packet.freeze()
}

fn nonces(payload: &Bytes) -> Vec<u64> {
    let list = Item::parse(payload).and_then(|packet| packet.items()).expect("a list");
    let read = |item: Item<'_>| Unhashed::decode(Dialect::V6, payload.slice_ref(item.raw()));
    list.map(|item| read(item.expect("an item")).expect("an envelope").nonce()).collect()
}

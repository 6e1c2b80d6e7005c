//! Peers of a node that take next to no processor time: what they send is encrypted in advance, and what they receive
//! is not decrypted.

use bytes::{Bytes, BytesMut};
use p2p_identity::{Enode, SecretKey};
use p2p_mux::{Capability, Hello, P2P_VERSION};
use rand::RngCore as _;
use rlp_codec::Header;
use rlpx_transport::{HANDSHAKE_LIMIT, Parts, connect};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use whisper_envelope::{Envelope, Unsealed};
use whisper_protocol::{Clock, Topic};

/// The codes of a connection with one sub-protocol.
const STATUS: u64 = 0x10;
const ENVELOPES: u64 = 0x11;

/// The status of a peer that wants all topics, and requires no work.
const WANTS_ALL: &[u8] = &[0xc1, 0x06];

/// The body of an envelope, in bytes.
const BODY: usize = 256;

/// A connected peer after the exchange of status packets.
pub(crate) struct Client(Parts<TcpStream>);

impl Client {
    /// A peer that is sent all envelopes.
    pub(crate) async fn receiver(enode: &Enode) -> Self {
        Self::connect(enode, Bytes::from_static(WANTS_ALL)).await
    }

    /// A peer that is sent none: its bloom is empty.
    pub(crate) async fn sender(enode: &Enode) -> Self {
        let mut status = BytesMut::new();
        let bloom = [0_u8; 64];
        rlp_codec::encode_list(&mut status, &[&6_u64, &0_u64, &&bloom[..]]);
        Self::connect(enode, status.freeze()).await
    }

    async fn connect(enode: &Enode, status: Bytes) -> Self {
        let key = SecretKey::random(&mut rand::rng());
        let io = TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, enode.tcp)).await;
        let io = io.expect("the node listens");
        io.set_nodelay(true).expect("a socket");
        let mut stream = connect(io, &key, &enode.id, HANDSHAKE_LIMIT).await.expect("a handshake");
        let hello = Hello {
            version: P2P_VERSION,
            client: "bench".into(),
            capabilities: vec![Capability::new("shh", 6)],
            port: 0,
            id: key.id(),
        };
        stream.write(0, &hello.encode()).await.expect("a connection");
        stream.flush().await.expect("a connection");
        stream.read().await.expect("a connection").expect("its Hello");
        stream.enable_snappy();
        stream.write(STATUS, &status).await.expect("a connection");
        stream.flush().await.expect("a connection");
        Self(stream.into_parts())
    }

    /// Encrypts packets of envelopes. They must be written in this order, and completely.
    pub(crate) fn seal(&mut self, envelopes: &[Envelope], each: usize) -> Vec<Bytes> {
        let seal = |envelopes: &[Envelope]| {
            let mut sealed = BytesMut::new();
            let sealer = &mut self.0.session.sealer;
            sealer.seal(ENVELOPES, &packet(envelopes), &mut sealed).expect("a small packet");
            sealed.freeze()
        };
        envelopes.chunks(each).map(seal).collect()
    }

    pub(crate) async fn write(&mut self, sealed: &[u8]) {
        self.0.io.write_all(sealed).await.expect("the node runs");
    }

    /// Reads until at least this many bytes have arrived.
    pub(crate) async fn read(&mut self, bytes: usize, buffer: &mut Vec<u8>) {
        let mut left = bytes;
        while left > 0 {
            buffer.clear();
            let read = self.0.io.read_buf(buffer).await.expect("the node runs");
            assert_ne!(read, 0, "the node runs");
            left = left.saturating_sub(read);
        }
    }
}

fn packet(envelopes: &[Envelope]) -> Bytes {
    let payload_length = envelopes.iter().map(|envelope| envelope.raw().len()).sum();
    let mut packet = BytesMut::new();
    Header { list: true, payload_length }.encode(&mut packet);
    envelopes.iter().for_each(|envelope| packet.extend_from_slice(envelope.raw()));
    packet.freeze()
}

/// Different envelopes that no filter opens and that cannot be compressed, with a time to live of `ttl` seconds.
pub(crate) fn envelopes(count: usize, ttl: u32) -> Vec<Envelope> {
    let mut rng = rand::rng();
    let expiry = Clock::system().now() + ttl;
    let mut body = [0; BODY];
    let seal = |number| {
        rng.fill_bytes(&mut body);
        Unsealed::v6(expiry, ttl, Topic(*b"else"), &body).seal(number)
    };
    (0..count as u64).map(seal).collect()
}

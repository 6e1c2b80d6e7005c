//! Hosts that attack a node.

mod eclipse;
mod junk;

use std::{io, net::SocketAddr, time::Duration};

use p2p_mux::{
    Channel, Exit, Hello, LocalNode, MIN_P2P_VERSION, Protocol, base,
    identity::{Enode, NodeId, SecretKey},
};
use p2p_server::{Config, Server};
use p2p_world::{Connection, rng};
use rlpx_transport::{Stream, connect};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::sleep,
};

use crate::{
    host_id::HostId,
    network::{Host, Network},
};

pub use eclipse::Eclipse;
pub use junk::Junk;

/// How long an attacker waits for a handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// How long it rests before it begins again.
const REST: Duration = Duration::from_millis(100);

/// How many connections [`Hostile::FloodsConnections`] opens before it rests.
const CONNECTIONS: usize = 64;

/// What a hostile host does to a node, over and over.
///
/// A sub-protocol adds the attacks on its own messages as a protocol that misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hostile {
    /// Connects and says nothing.
    Silent,
    /// Connects and sends random bytes instead of a handshake.
    JunkHandshake,
    /// Sends the first packet of a handshake, one byte each second.
    SlowHandshake,
    /// Finishes the handshake and sends random bytes instead of frames.
    JunkFrames,
    /// Finishes the handshake and sends a Hello that is none.
    JunkHello,
    /// Says in its Hello that it is another node.
    ForeignHello,
    /// Sends pings without end.
    FloodsPings,
    /// Sends messages whose code no sub-protocol has.
    UnknownCodes,
    /// Opens many connections at once, and again.
    FloodsConnections,
    /// Connects and leaves at once, without end.
    Returns,
    /// Sends the first packet that it ever sent once more, on a new connection.
    Replays,
    /// Becomes a peer, sends messages of the sub-protocol without end, and reads nothing.
    FloodsSlot {
        /// The name of the sub-protocol.
        name: &'static str,
        /// Its version.
        version: u64,
        /// Its number of codes.
        length: u64,
    },
}

impl Hostile {
    /// The attacks that need no sub-protocol.
    pub const ALL: [Self; 11] = [
        Self::Silent,
        Self::JunkHandshake,
        Self::SlowHandshake,
        Self::JunkFrames,
        Self::JunkHello,
        Self::ForeignHello,
        Self::FloodsPings,
        Self::UnknownCodes,
        Self::FloodsConnections,
        Self::Returns,
        Self::Replays,
    ];

    /// Adds a host that does this to the node `id` at `addr`.
    pub fn attack(self, network: &mut Network, id: NodeId, addr: SocketAddr) -> HostId {
        network.host(move |host| async move {
            let attack = Attack { host, id, addr, key: SecretKey::random(&mut rng()) };
            let mut first = Vec::new();
            loop {
                // What goes wrong for an attacker is its own affair.
                let _ = attack.run(self, &mut first).await;
                sleep(REST).await;
            }
        })
    }
}

struct Attack {
    host: Host,
    id: NodeId,
    addr: SocketAddr,
    key: SecretKey,
}

type Link = Box<dyn Connection>;

impl Attack {
    /// Attacks once. `first`: the first packet that was ever sent.
    async fn run(&self, how: Hostile, first: &mut Vec<u8>) -> io::Result<()> {
        match how {
            Hostile::Silent => self.wait_for_end(self.connect().await?).await,
            Hostile::JunkHandshake => {
                let mut link = self.connect().await?;
                link.write_all(&rng().bytes::<512>()).await?;
                self.wait_for_end(link).await
            }
            Hostile::SlowHandshake => {
                let mut link = self.connect().await?;
                for byte in self.auth().await? {
                    link.write_all(&[byte]).await?;
                    sleep(Duration::from_secs(1)).await;
                }
                Ok(())
            }
            Hostile::JunkFrames => {
                let mut link = self.shake_hands().await?.into_parts().io;
                link.write_all(&rng().bytes::<4096>()).await?;
                self.wait_for_end(link).await
            }
            Hostile::JunkHello => {
                let stream = self.shake_hands().await?;
                self.send_hello(stream, &rng().bytes::<100>()).await
            }
            Hostile::ForeignHello => {
                let stream = self.shake_hands().await?;
                let hello = Hello { id: SecretKey::random(&mut rng()).id(), ..self.hello() };
                self.send_hello(stream, &hello.encode()).await
            }
            Hostile::FloodsPings => self.flood(base::PING).await,
            Hostile::UnknownCodes => self.flood(0x7fff).await,
            Hostile::FloodsConnections => {
                let mut links = Vec::new();
                for _ in 0..CONNECTIONS {
                    links.push(self.connect().await?);
                }
                sleep(Duration::from_secs(1)).await;
                Ok(())
            }
            Hostile::Returns => self.connect().await.map(drop),
            Hostile::Replays => {
                if first.is_empty() {
                    *first = self.auth().await?;
                }
                let mut link = self.connect().await?;
                link.write_all(first).await?;
                self.wait_for_end(link).await
            }
            Hostile::FloodsSlot { name, version, length } => {
                self.flood_slot(Protocol::new(name, version, length, |_, channel| flood(channel)))
                    .await
            }
        }
    }

    async fn connect(&self) -> io::Result<Link> {
        self.host.world().connect(self.addr).await
    }

    async fn shake_hands(&self) -> io::Result<Stream<Link>> {
        let link = self.connect().await?;
        connect(link, &self.key, &self.id, HANDSHAKE_LIMIT).await.map_err(io::Error::other)
    }

    /// The first packet of a handshake, as the node would get it.
    async fn auth(&self) -> io::Result<Vec<u8>> {
        let (near, mut far) = tokio::io::duplex(4096);
        let sending = connect(near, &self.key, &self.id, HANDSHAKE_LIMIT);
        let mut packet = vec![0; 4096];
        tokio::select! {
            biased;
            read = far.read(&mut packet) => packet.truncate(read?),
            _ = sending => packet.clear(),
        }
        Ok(packet)
    }

    fn hello(&self) -> Hello {
        let local = LocalNode {
            client: "hostile".to_owned(),
            protocols: Vec::new(),
            port: 0,
            id: self.key.id(),
        };
        local.hello(&p2p_mux::Config::default())
    }

    async fn send_hello(&self, mut stream: Stream<Link>, hello: &[u8]) -> io::Result<()> {
        stream.write(base::HELLO, hello).await.map_err(io::Error::other)?;
        self.wait_for_end(stream.into_parts().io).await
    }

    /// Becomes a peer, by the sub-protocols of the node itself, and sends messages with this code until the node ends the
    /// connection. It reads nothing meanwhile.
    async fn flood(&self, code: u64) -> io::Result<()> {
        let mut stream = self.shake_hands().await?;
        let first = stream.read().await.map_err(io::Error::other)?;
        let theirs = first.and_then(|message| Hello::decode(&message.payload).ok());
        let capabilities = theirs.map_or_else(Vec::new, |hello| hello.capabilities);
        // With the oldest version nothing is compressed.
        let hello = Hello { capabilities, version: MIN_P2P_VERSION, ..self.hello() };
        stream.write(base::HELLO, &hello.encode()).await.map_err(io::Error::other)?;
        loop {
            stream.write(code, &[0xc0]).await.map_err(io::Error::other)?;
        }
    }

    /// Runs a server with a sub-protocol that misbehaves, until its host stops.
    async fn flood_slot(&self, protocol: Protocol) -> io::Result<()> {
        let enode = Enode { udp: 0, ..Enode::new(self.id, self.addr) };
        let config = Config::new(self.key.clone()).world(self.host.world());
        let server = Server::start(config.protocol(protocol).static_node(enode)).await;
        let _server = server.map_err(io::Error::other)?;
        std::future::pending().await
    }

    /// Reads until the node ends the connection.
    async fn wait_for_end(&self, mut link: Link) -> io::Result<()> {
        let mut bytes = [0; 1024];
        while link.read(&mut bytes).await? > 0 {}
        Ok(())
    }
}

async fn flood(channel: Channel) -> Result<(), Exit> {
    loop {
        channel.send_raw(0, vec![0; 1000]).await?;
    }
}

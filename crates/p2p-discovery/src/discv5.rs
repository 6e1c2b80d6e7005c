//! Discv5, of the crate of that name, as one more source of nodes.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::discv5::{ConfigBuilder, Enr, ListenConfig};
use discv5_enr::{CombinedKey, NodeId};
use futures_core::Stream;
use futures_util::stream;
use p2p_identity::{Record, RecordError, SecretKey};
use rlp_codec::{Decodable as _, encode};
use thiserror::Error;
use tokio::{
    net::UdpSocket,
    time::{self, Instant},
};

use crate::NetworkId;

/// The wait between two lookups while they bring new nodes, and the longest when they do not.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Discv5 on a UDP socket of its own. Cheap to clone; it ends with [`Discv5::stop`], or when the last
/// handle is dropped.
///
/// The protocol is the crate `discv5`'s. Here it is given a key, a socket and nodes to begin with, and
/// is asked for random targets; its nodes come as records, checked by [`Record`]. It keeps nodes of all
/// networks; of those only the ones of ours come out.
///
/// It and discv4 do not share a socket: the record of each names its own UDP port.
#[derive(Clone)]
pub struct Discv5 {
    node: Arc<Mutex<::discv5::Discv5>>,
    addr: SocketAddr,
    network: Option<NetworkId>,
}

/// Why discv5 does not start, or does not take a node.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Discv5Error {
    /// The address is taken, or not one of this machine.
    #[error("cannot open a UDP socket at {addr}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The record is not of the key, or would be too long with port and network.
    #[error("the node's record: {0}")]
    Record(#[source] RecordError),
    /// The library does not take the node: no UDP address, or no room.
    #[error("discv5 does not take the node: {0}")]
    NotTaken(&'static str),
    /// The library does not start, in its own words.
    #[error("discv5 does not start: {0}")]
    Start(::discv5::Error),
}

impl Discv5 {
    /// Opens a socket at `addr` (port 0 for a free one) and takes part. `record` is what others get to
    /// know, with the socket's port and, where there is one, the id of the network; where it names no
    /// address and the socket has one, that too.
    ///
    /// # Errors
    ///
    /// [`Discv5Error`].
    pub async fn start(
        network: Option<NetworkId>,
        key: &SecretKey,
        record: &Record,
        addr: SocketAddr,
    ) -> Result<Self, Discv5Error> {
        let bind = |source| Discv5Error::Bind { addr, source };
        let socket = UdpSocket::bind(addr).await.map_err(bind)?;
        let addr = socket.local_addr().map_err(bind)?;
        let record = own_record(network, key, record, addr)?;
        let listen = sockets(socket);
        let mut bytes = key.to_bytes();
        let key = CombinedKey::secp256k1_from_bytes(&mut *bytes)
            .map_err(|_| Discv5Error::NotTaken("the key"))?;
        let config = ConfigBuilder::new(listen).build();
        let mut node =
            ::discv5::Discv5::new(enr(&record)?, key, config).map_err(Discv5Error::NotTaken)?;
        node.start().await.map_err(Discv5Error::Start)?;
        Ok(Self { node: Arc::new(Mutex::new(node)), addr, network })
    }

    /// Where the socket is bound.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The node's record as it is now; the library puts the address into it that most peers see.
    ///
    /// # Errors
    ///
    /// [`Discv5Error::Record`]: the library has made one that is not sound.
    pub fn record(&self) -> Result<Record, Discv5Error> {
        record_of(&self.node().local_enr()).map_err(Discv5Error::Record)
    }

    /// Adds a node to begin with.
    ///
    /// # Errors
    ///
    /// [`Discv5Error::NotTaken`].
    pub fn add_boot_node(&self, record: &Record) -> Result<(), Discv5Error> {
        self.node().add_enr(enr(record)?).map_err(Discv5Error::NotTaken)
    }

    /// The nodes of our network near a random target, at most 16. None where nobody is known; `None`
    /// when discv5 has stopped.
    pub async fn lookup_random(&self) -> Option<Vec<Record>> {
        let lookup = self.node().find_node(NodeId::random());
        let ours = |record: &Record| self.network.is_none_or(|network| network.is_of(record));
        let found = lookup.await.ok()?;
        Some(found.iter().filter_map(|enr| record_of(enr).ok()).filter(ours).collect())
    }

    /// Nodes, for as long as somebody takes them. As with discv4's, nothing is asked while the stream is
    /// not polled, and lookups come ever less often, from one a second to one in 30 s. The same node
    /// comes again and again; the stream ends when discv5 stops.
    pub fn candidates(&self) -> impl Stream<Item = Record> + Send + 'static {
        let search = Search {
            discv5: self.clone(),
            found: VecDeque::new(),
            next: Instant::now(),
            wait: FIRST_WAIT,
        };
        stream::unfold(search, |mut search| async move {
            let record = search.next().await?;
            Some((record, search))
        })
    }

    /// Ends the tasks and closes the socket, soon after.
    pub fn stop(&self) {
        self.node().shutdown();
    }

    fn node(&self) -> MutexGuard<'_, ::discv5::Discv5> {
        // Locked for single calls of the library alone.
        self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Discv5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discv5").field("addr", &self.addr).finish_non_exhaustive()
    }
}

struct Search {
    discv5: Discv5,
    found: VecDeque<Record>,
    next: Instant,
    wait: Duration,
}

impl Search {
    async fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.found.pop_front() {
                return Some(record);
            }
            time::sleep_until(self.next).await;
            self.found.extend(self.discv5.lookup_random().await?);
            self.next = Instant::now() + self.wait;
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
        }
    }
}

fn sockets(socket: UdpSocket) -> ListenConfig {
    let is_ipv4 = socket.local_addr().is_ok_and(|addr| addr.is_ipv4());
    let socket = Some(Arc::new(socket));
    if is_ipv4 {
        ListenConfig::FromSockets { ipv4: socket, ipv6: None }
    } else {
        ListenConfig::FromSockets { ipv4: None, ipv6: socket }
    }
}

fn own_record(
    network: Option<NetworkId>,
    key: &SecretKey,
    record: &Record,
    addr: SocketAddr,
) -> Result<Record, Discv5Error> {
    let mut content = record.content();
    content = match addr {
        SocketAddr::V4(_) => content.udp(addr.port()),
        SocketAddr::V6(_) => content.udp6(addr.port()),
    };
    if record.ip().is_none() && record.ip6().is_none() && !addr.ip().is_unspecified() {
        content = content.ip(addr.ip());
    }
    if let Some(network) = network {
        content = content.set("net", &network);
    }
    record.update(key, &content).map_err(Discv5Error::Record)
}

/// As the library has it: another version of the same type, so it goes over the bytes.
fn enr(record: &Record) -> Result<Enr, Discv5Error> {
    Enr::decode(&mut &*record.encode()).map_err(|_| Discv5Error::NotTaken("the record"))
}

fn record_of(enr: &Enr) -> Result<Record, RecordError> {
    Record::decode(&encode(enr))
}

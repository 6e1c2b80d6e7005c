//! Discv5 as a further source of nodes, by the crate `discv5`.

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

use crate::network::{NetworkId, RECORD_KEY};

/// The pause between two lookups: it doubles from the first value to the second.
const MIN_LOOKUP_INTERVAL: Duration = Duration::from_secs(1);
const MAX_LOOKUP_INTERVAL: Duration = Duration::from_secs(30);

/// Discv5 on its own UDP socket. This is a handle, cheap to clone. Discv5 stops with [`Discv5::stop`],
/// or when the last handle is dropped.
///
/// The protocol is implemented by the crate `discv5`. This type looks up random targets and gives out
/// the records that it finds, checked by [`Record`]. The library keeps nodes of all networks; only those
/// of the own network are given out.
///
/// It does not share a socket with discv4: the record of each names its own UDP port.
#[derive(Clone)]
pub struct Discv5 {
    node: Arc<Mutex<::discv5::Discv5>>,
    addr: SocketAddr,
    network: Option<NetworkId>,
}

/// Discv5 could not be started, or does not accept a node.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Discv5Error {
    /// The address is in use, or is not an address of this machine.
    #[error("cannot open a UDP socket at {addr}")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// The record was not signed by the key, has no room for port and network id, or is not valid.
    #[error("cannot use the record of this node")]
    Record(#[source] RecordError),
    /// The library does not accept the key or the node. The text is its reason, for example that the
    /// node has no UDP address.
    #[error("discv5 does not accept the node: {0}")]
    NotAccepted(&'static str),
    /// The library could not be started. The text is its reason.
    #[error("cannot start discv5: {0}")]
    Start(::discv5::Error),
}

impl Discv5 {
    /// Opens a socket at `addr` (port 0 for any free port) and starts discv5.
    ///
    /// `record` is the record of this node. The port of the socket and the network id, if any, are added
    /// to it; if it names no address and the socket is bound to one, that address is added too.
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
        let listen = listen_config(socket);
        let mut bytes = key.to_bytes();
        let key = CombinedKey::secp256k1_from_bytes(&mut *bytes)
            .map_err(|_| Discv5Error::NotAccepted("invalid key"))?;
        let config = ConfigBuilder::new(listen).build();
        let mut node =
            ::discv5::Discv5::new(enr(&record)?, key, config).map_err(Discv5Error::NotAccepted)?;
        node.start().await.map_err(Discv5Error::Start)?;
        Ok(Self { node: Arc::new(Mutex::new(node)), addr, network })
    }

    /// The local address of the socket.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The current record of this node. The library updates its address to the one that most peers
    /// report.
    ///
    /// # Errors
    ///
    /// [`Discv5Error::Record`] if the library has made an invalid record.
    pub fn record(&self) -> Result<Record, Discv5Error> {
        record_of(&self.node().local_enr()).map_err(Discv5Error::Record)
    }

    /// Adds a boot node.
    ///
    /// # Errors
    ///
    /// [`Discv5Error::NotAccepted`].
    pub fn add_boot_node(&self, record: &Record) -> Result<(), Discv5Error> {
        self.node().add_enr(enr(record)?).map_err(Discv5Error::NotAccepted)
    }

    /// Looks up a random target. Returns the nodes of our network nearest to it, at most 16; `None` if
    /// discv5 has stopped.
    pub async fn lookup_random(&self) -> Option<Vec<Record>> {
        let lookup = self.node().find_node(NodeId::random());
        let ours = |record: &Record| self.network.is_none_or(|network| network.is_of(record));
        let found = lookup.await.ok()?;
        Some(found.iter().filter_map(|enr| record_of(enr).ok()).filter(ours).collect())
    }

    /// A stream of nodes. While it is polled, it makes lookups, from one per second to one in 30 s. A
    /// node may appear several times. The stream ends when discv5 stops.
    pub fn candidates(&self) -> impl Stream<Item = Record> + Send + 'static {
        let search = Search {
            discv5: self.clone(),
            found: VecDeque::new(),
            next: Instant::now(),
            interval: MIN_LOOKUP_INTERVAL,
        };
        stream::unfold(search, |mut search| async move {
            let record = search.next().await?;
            Some((record, search))
        })
    }

    /// Stops discv5. Its tasks end and the socket is closed shortly after.
    pub fn stop(&self) {
        self.node().shutdown();
    }

    fn node(&self) -> MutexGuard<'_, ::discv5::Discv5> {
        // The lock is held only for single calls of the library, so poisoning is ignored.
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
    interval: Duration,
}

impl Search {
    async fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.found.pop_front() {
                return Some(record);
            }
            time::sleep_until(self.next).await;
            self.found.extend(self.discv5.lookup_random().await?);
            self.next = Instant::now() + self.interval;
            self.interval = (self.interval * 2).min(MAX_LOOKUP_INTERVAL);
        }
    }
}

fn listen_config(socket: UdpSocket) -> ListenConfig {
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
        content = content.set(RECORD_KEY, &network);
    }
    record.update(key, &content).map_err(Discv5Error::Record)
}

/// The record as a type of the library, which uses another version of `enr`. It is encoded and decoded.
fn enr(record: &Record) -> Result<Enr, Discv5Error> {
    Enr::decode(&mut &*record.encode()).map_err(|_| Discv5Error::NotAccepted("invalid record"))
}

fn record_of(enr: &Enr) -> Result<Record, RecordError> {
    Record::decode(&encode(enr))
}

//! The settings of discovery.

use std::net::SocketAddr;

use p2p_discovery::NetworkId;

/// How a server finds nodes. The defaults suit a node in the public network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct DiscoverySettings {
    /// Whether to run discv4, over UDP. Default true.
    pub v4: bool,
    /// Where the UDP socket of discv4 is bound. Default: the first address listened on, with the same
    /// port number.
    pub addr: Option<SocketAddr>,
    /// The configuration of discv4. Its network id also applies to the lists in the DNS.
    pub config: p2p_discovery::Discv4Config,
    /// Where the UDP socket of discv5 is bound; it is not the one of discv4. Default: discv5 does not
    /// run.
    #[cfg(feature = "discv5")]
    pub v5: Option<SocketAddr>,
    /// The boot nodes of discv5.
    #[cfg(feature = "discv5")]
    pub v5_boot: Vec<p2p_mux::identity::Record>,
    /// The database file of known nodes, from discv4 and from dials, which are dialed first after a
    /// restart. Only one running server may use it. Default: none.
    #[cfg(feature = "store")]
    pub store: Option<std::path::PathBuf>,
    /// Lists in the DNS to take nodes from.
    #[cfg(feature = "dns")]
    pub lists: Vec<p2p_discovery::dns::Link>,
    /// How the lists are read.
    #[cfg(feature = "dns")]
    pub reading: p2p_discovery::dns::ListClientConfig,
    /// The DNS servers to ask. Default: those of the system.
    #[cfg(feature = "dns")]
    pub servers: p2p_discovery::dns::Servers,
}

impl Default for DiscoverySettings {
    fn default() -> Self {
        Self {
            v4: true,
            addr: None,
            config: p2p_discovery::Discv4Config::default(),
            #[cfg(feature = "discv5")]
            v5: None,
            #[cfg(feature = "discv5")]
            v5_boot: Vec::new(),
            #[cfg(feature = "store")]
            store: None,
            #[cfg(feature = "dns")]
            lists: Vec::new(),
            #[cfg(feature = "dns")]
            reading: p2p_discovery::dns::ListClientConfig::default(),
            #[cfg(feature = "dns")]
            servers: p2p_discovery::dns::Servers::default(),
        }
    }
}

impl DiscoverySettings {
    /// The default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether to run discv4.
    #[must_use]
    pub const fn v4(mut self, v4: bool) -> Self {
        self.v4 = v4;
        self
    }

    /// Sets where the UDP socket of discv4 is bound.
    #[must_use]
    pub const fn addr(mut self, addr: SocketAddr) -> Self {
        self.addr = Some(addr);
        self
    }

    /// Sets the id of a private network: nodes of other networks are neither dialed nor passed on.
    #[must_use]
    pub const fn network(mut self, id: NetworkId) -> Self {
        self.config.network = Some(id);
        self
    }

    /// Sets the database file of known nodes.
    #[cfg(feature = "store")]
    #[must_use]
    pub fn store(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.store = Some(path.into());
        self
    }

    /// Adds a list in the DNS to take nodes from.
    #[cfg(feature = "dns")]
    #[must_use]
    pub fn list(mut self, link: p2p_discovery::dns::Link) -> Self {
        self.lists.push(link);
        self
    }
}

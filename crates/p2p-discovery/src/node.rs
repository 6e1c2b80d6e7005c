//! A node that was found.

use core::net::SocketAddr;

use p2p_identity::{Enode, Host, NodeId, Record};

use crate::v4::{Endpoint, Neighbour};

/// A node and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Who.
    pub id: NodeId,
    /// Where. The address and the UDP port of a node that is reported to be there are proven; the
    /// TCP port is what the node, or another one, says.
    pub endpoint: Endpoint,
    /// Its record, where it has been asked for: always in a network with an id
    /// ([`Discv4Config::network`](crate::Discv4Config::network)), else only if it was requested.
    pub record: Option<Record>,
}

impl Node {
    /// The node with this id at this place, about which nothing else is known.
    #[must_use]
    pub const fn new(id: NodeId, endpoint: Endpoint) -> Self {
        Self { id, endpoint, record: None }
    }

    /// The node of an enode URL, unless its host is a name that must be resolved first.
    #[must_use]
    pub fn from_enode(enode: &Enode) -> Option<Self> {
        let Host::Ip(ip) = enode.host else { return None };
        let endpoint = Endpoint::new(SocketAddr::new(ip, enode.udp), enode.tcp);
        Some(Self::new(enode.id, endpoint))
    }

    /// The node as an enode URL.
    #[must_use]
    pub fn enode(&self) -> Enode {
        let Endpoint { ip, udp, tcp } = self.endpoint;
        Enode { udp, ..Enode::new(self.id, SocketAddr::new(ip, tcp)) }
    }

    /// Keeps its record. Where that speaks of the proven address, it knows the TCP port best.
    pub(crate) fn learn(&mut self, record: &Record) {
        if let Some(said) = record.enode().and_then(|enode| Self::from_enode(&enode))
            && said.endpoint.ip == self.endpoint.ip
            && said.endpoint.tcp != 0
        {
            self.endpoint.tcp = said.endpoint.tcp;
        }
        self.record = Some(record.clone());
    }

    pub(crate) const fn neighbour(&self) -> Neighbour {
        Neighbour { id: self.id, endpoint: self.endpoint }
    }
}

impl From<Neighbour> for Node {
    fn from(told: Neighbour) -> Self {
        Self::new(told.id, told.endpoint)
    }
}

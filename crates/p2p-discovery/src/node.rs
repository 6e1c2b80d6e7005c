//! A node and its endpoint.

use core::net::SocketAddr;

use p2p_identity::{Enode, Host, NodeId, Record};

use crate::v4::{Endpoint, Neighbour};

/// A node and its endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The id of the node.
    pub id: NodeId,
    /// The endpoint. For nodes that the machine reports, the address and the UDP port are proven; the
    /// TCP port is not.
    pub endpoint: Endpoint,
    /// The record of the node, if it was requested: in a network with an id
    /// ([`Discv4Config::network`](crate::Discv4Config::network)) always, otherwise only for the user.
    pub record: Option<Record>,
}

impl Node {
    /// A node without a record.
    #[must_use]
    pub const fn new(id: NodeId, endpoint: Endpoint) -> Self {
        Self { id, endpoint, record: None }
    }

    /// The node of an enode URL. `None` if its host is a name, which must be resolved first.
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

    /// Sets the record. If it names the proven address, its TCP port is taken too.
    pub(crate) fn set_record(&mut self, record: &Record) {
        if let Some(named) = record.enode().and_then(|enode| Self::from_enode(&enode))
            && named.endpoint.ip == self.endpoint.ip
            && named.endpoint.tcp != 0
        {
            self.endpoint.tcp = named.endpoint.tcp;
        }
        self.record = Some(record.clone());
    }

    pub(crate) const fn neighbour(&self) -> Neighbour {
        Neighbour { id: self.id, endpoint: self.endpoint }
    }
}

impl From<Neighbour> for Node {
    fn from(neighbour: Neighbour) -> Self {
        Self::new(neighbour.id, neighbour.endpoint)
    }
}

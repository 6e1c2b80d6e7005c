//! Where a node is, as packets say it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use p2p_identity::NodeId;
use rlp_codec::{BufMut, Encodable, Error, Fields, List};

/// An IP address and the two ports of a node: `[ip, udp, tcp]` on the wire.
///
/// In a ping and a pong it is only what the sender believes. go-ethereum leaves `tcp` 0 where it
/// does not know the port, and sends `0.0.0.0` or `127.0.0.1` where it does not know its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The address. An IPv4 address that was written as IPv6 is IPv4 here.
    pub ip: IpAddr,
    /// The UDP port, for discovery.
    pub udp: u16,
    /// The TCP port, for connections. 0 if unknown or none.
    pub tcp: u16,
}

impl Endpoint {
    /// `address` for UDP, with the TCP port beside it.
    #[must_use]
    pub const fn new(address: SocketAddr, tcp: u16) -> Self {
        Self { ip: address.ip().to_canonical(), udp: address.port(), tcp }
    }

    /// Where datagrams go.
    #[must_use]
    pub const fn udp_addr(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.udp)
    }

    /// Where connections go.
    #[must_use]
    pub const fn tcp_addr(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.tcp)
    }

    fn fields(&self) -> impl Encodable {
        Fields((Ip(self.ip), self.udp, self.tcp))
    }

    /// The three elements at the front of `list`.
    ///
    /// An address of neither 4 nor 16 bytes is read as `0.0.0.0`: some nodes leave out what they do
    /// not know.
    pub(super) fn read(list: &mut List<'_>) -> Result<Self, Error> {
        let bytes = list.bytes()?;
        let ip = match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
            (Ok(v4), _) => IpAddr::from(v4),
            (_, Ok(v6)) => IpAddr::V6(Ipv6Addr::from(v6)).to_canonical(),
            _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        Ok(Self { ip, udp: list.uint()?, tcp: list.uint()? })
    }
}

impl Encodable for Endpoint {
    fn encode(&self, out: &mut dyn BufMut) {
        self.fields().encode(out);
    }

    fn length(&self) -> usize {
        self.fields().length()
    }
}

/// A node that another one tells of: `[ip, udp, tcp, id]` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Neighbour {
    /// Who. Not known to be a point on the curve.
    pub id: NodeId,
    /// Where, by hearsay.
    pub endpoint: Endpoint,
}

impl Neighbour {
    fn fields(&self) -> impl Encodable {
        Fields((Ip(self.endpoint.ip), self.endpoint.udp, self.endpoint.tcp, self.id))
    }

    pub(super) fn read(list: &mut List<'_>) -> Result<Self, Error> {
        list.open_list(|list| {
            let endpoint = Endpoint::read(list)?;
            Ok(Self { id: NodeId(list.array()?), endpoint })
        })
    }
}

impl Encodable for Neighbour {
    fn encode(&self, out: &mut dyn BufMut) {
        self.fields().encode(out);
    }

    fn length(&self) -> usize {
        self.fields().length()
    }
}

/// An address as its 4 or 16 bytes.
struct Ip(IpAddr);

impl Encodable for Ip {
    fn encode(&self, out: &mut dyn BufMut) {
        match self.0 {
            IpAddr::V4(ip) => ip.octets().encode(out),
            IpAddr::V6(ip) => ip.octets().encode(out),
        }
    }

    fn length(&self) -> usize {
        match self.0 {
            IpAddr::V4(ip) => ip.octets().length(),
            IpAddr::V6(ip) => ip.octets().length(),
        }
    }
}

//! Endpoints and neighbours as packets carry them.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use p2p_identity::NodeId;
use rlp_codec::{BufMut, Encodable, Error, Fields, List};

/// The IP address and the two ports of a node: `[ip, udp, tcp]` on the wire.
///
/// In pings and pongs it is only what the sender believes. go-ethereum sends a `tcp` of 0 if it does
/// not know the port, and `0.0.0.0` or `127.0.0.1` if it does not know its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The address. An IPv4 address in IPv6 form is converted to IPv4.
    pub ip: IpAddr,
    /// The UDP port, for discovery.
    pub udp: u16,
    /// The TCP port, for connections. 0 if unknown or if there is none.
    pub tcp: u16,
}

impl Endpoint {
    /// The endpoint with the UDP address `address` and the TCP port `tcp`.
    #[must_use]
    pub const fn new(address: SocketAddr, tcp: u16) -> Self {
        Self { ip: address.ip().to_canonical(), udp: address.port(), tcp }
    }

    /// The address for datagrams.
    #[must_use]
    pub const fn udp_addr(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.udp)
    }

    /// The address for connections.
    #[must_use]
    pub const fn tcp_addr(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.tcp)
    }

    fn fields(&self) -> impl Encodable {
        Fields((Ip(self.ip), self.udp, self.tcp))
    }

    /// Reads the first three elements of `list`.
    ///
    /// An address of neither 4 nor 16 bytes is read as `0.0.0.0`: some nodes send an empty one if they
    /// do not know it.
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

/// A node that another node reports: `[ip, udp, tcp, id]` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Neighbour {
    /// The id of the node. It may not be a point on the curve.
    pub id: NodeId,
    /// The endpoint of the node, unverified.
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

/// An address, encoded as its 4 or 16 bytes.
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

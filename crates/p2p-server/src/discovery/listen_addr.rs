//! Where the node listens, and how its record changes when a gateway makes it reachable elsewhere.

use std::net::{IpAddr, SocketAddr};

#[cfg(feature = "nat")]
use p2p_mux::identity::Content;
use p2p_mux::identity::Enode;

#[cfg(feature = "nat")]
use crate::nat::{ExternalAddr, Transport};

/// The address and TCP port that the node listens on.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "nat"), expect(dead_code, reason = "used for mappings of a gateway"))]
pub(crate) struct ListenAddr {
    /// `None` if it listens on all addresses, or on none.
    ip: Option<IpAddr>,
    tcp: u16,
}

impl ListenAddr {
    /// `bound`: the first address listened on.
    pub(crate) fn new(enode: &Enode, bound: Option<SocketAddr>) -> Self {
        let ip = bound.map(|bound| bound.ip()).filter(|ip| !ip.is_unspecified());
        Self { ip, tcp: enode.tcp }
    }

    /// The change of the record for an external address. What the gateway does not say is set back to
    /// the values at the start. `udp`: the port of discovery.
    #[cfg(feature = "nat")]
    pub(crate) fn record_change(
        self,
        external: ExternalAddr,
        udp: u16,
    ) -> impl FnOnce(Content) -> Content + use<> {
        let Self { ip: listen_ip, tcp } = self;
        move |content| {
            let listen_ip = listen_ip.filter(IpAddr::is_ipv4);
            let content = match external.ip.map(IpAddr::V4).or(listen_ip) {
                Some(ip) => content.ip(ip),
                None => content.without("ip"),
            };
            let content = content.udp(external.port(Transport::Udp, udp));
            let external_tcp = external.port(Transport::Tcp, tcp);
            let content = if tcp == 0 { content } else { content.tcp(external_tcp) };
            // IPv6 needs no mapping: its port stays.
            if external_tcp == tcp { content.without("tcp6") } else { content.tcp6(tcp) }
        }
    }
}

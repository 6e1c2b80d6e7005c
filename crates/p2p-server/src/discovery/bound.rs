//! Where the node listens, and what its record says of it when a gateway makes it reachable elsewhere.

use std::net::{IpAddr, SocketAddr};

#[cfg(feature = "nat")]
use p2p_mux::identity::Content;
use p2p_mux::identity::Enode;

#[cfg(feature = "nat")]
use crate::nat::{External, Transport};

/// Where the node listens, as far as it is worth telling others.
#[derive(Debug)]
#[cfg_attr(not(feature = "nat"), expect(dead_code, reason = "of gateways"))]
pub(crate) struct Bound {
    ip: Option<IpAddr>,
    tcp: u16,
}

impl Bound {
    pub(crate) fn of(enode: &Enode, bound: Option<SocketAddr>) -> Self {
        let ip = bound.map(|bound| bound.ip()).filter(|ip| !ip.is_unspecified());
        Self { ip, tcp: enode.tcp }
    }

    /// What becomes of a record when a gateway makes the node reachable so. What the gateway does not
    /// say is as it was at the start.
    #[cfg(feature = "nat")]
    pub(crate) fn with(
        &self,
        external: External,
        udp: u16,
    ) -> impl FnOnce(Content) -> Content + use<> {
        let Self { ip: bound, tcp } = *self;
        move |content| {
            let bound = bound.filter(IpAddr::is_ipv4);
            let content = match external.ip.map(IpAddr::V4).or(bound) {
                Some(ip) => content.ip(ip),
                None => content.without("ip"),
            };
            let content = content.udp(external.port(Transport::Udp, udp));
            let outside = external.port(Transport::Tcp, tcp);
            let content = if tcp == 0 { content } else { content.tcp(outside) };
            // Over IPv6 nothing is between.
            if outside == tcp { content.without("tcp6") } else { content.tcp6(tcp) }
        }
    }
}

//! The address of this machine in a node URL that is shown to the operator.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use p2p_identity::{Enode, Host};

/// Addresses outside of every local network, to find out which own address packets to them would have.
const OUTSIDE: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)), 9),
];

/// The URL to show for a node that listens on `listens_on`. If these are all addresses of the machine and no other address
/// is known, the URL of the node has 127.0.0.1 or `0.0.0.0`, which is of no use on another machine. Then it is shown with
/// the address of this machine in its own network, if there is one.
pub(crate) fn shown(enode: &Enode, listens_on: IpAddr) -> Enode {
    let is_unknown = matches!(enode.host, Host::Ip(ip) if ip.is_loopback() || ip.is_unspecified());
    let own =
        (listens_on.is_unspecified() && is_unknown).then(|| own_address(listens_on)).flatten();
    match own {
        Some(ip) => Enode { host: Host::Ip(ip), ..enode.clone() },
        None => enode.clone(),
    }
}

/// The address that packets of this machine have. No packet is sent.
fn own_address(listens_on: IpAddr) -> Option<IpAddr> {
    let reachable = OUTSIDE.into_iter().filter(|outside| outside.is_ipv4() || listens_on.is_ipv6());
    let own = reachable.filter_map(|outside| {
        let any: IpAddr = match outside {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect(outside).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    own.into_iter().find(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_says_nothing_is_replaced() {
        let id = p2p_identity::SecretKey::from_bytes(&[7; 32]).unwrap().id();
        let enode = |at: &str| format!("enode://{id}@{at}").parse::<Enode>().unwrap();
        let all = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        for (at, listens_on) in
            [("203.0.113.7:1", all), ("127.0.0.1:1", Ipv4Addr::LOCALHOST.into())]
        {
            assert_eq!(shown(&enode(at), listens_on), enode(at));
        }
        // A machine without a network has no other address.
        let replaced = shown(&enode("127.0.0.1:30303?discport=1"), all);
        let own = own_address(all).unwrap_or(Ipv4Addr::LOCALHOST.into());
        assert_eq!(replaced.host, Host::Ip(own));
        assert_eq!((replaced.tcp, replaced.udp), (30303, 1));
    }
}

//! Candidates for gateways: the default gateways of the system, and guesses.

use std::{
    fs::File,
    io::{self, Read as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
};

use super::external_addr::is_reachable;

/// Maximum size of the routing table that is read, in bytes. The default route comes first.
const MAX_TABLE: u64 = 64 * 1024;

/// Maximum number of machines that are asked.
const MAX_GATEWAYS: usize = 4;

/// An address outside the local network (RFC 5737). Nothing is sent to it.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The gateways to ask.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Gateways {
    /// Those of the default routes, by metric.
    pub(crate) known: Vec<Ipv4Addr>,
    /// The first address of each private network of this machine: the address of most home routers, and
    /// what go-ethereum tries.
    pub(crate) guessed: Vec<Ipv4Addr>,
}

impl Gateways {
    /// Reads them from the routing table at `path`, in Linux's format. Without such a file, the guess is
    /// the first address of the /24 network of this machine.
    pub(crate) fn read(path: &Path) -> Self {
        let mut table = String::new();
        let read =
            File::open(path).and_then(|file| file.take(MAX_TABLE).read_to_string(&mut table));
        if read.is_ok() {
            return Self::parse(&table);
        }
        let own = own_address(OUTSIDE).ok().filter(Ipv4Addr::is_private);
        let first = |ip: Ipv4Addr| Ipv4Addr::from_bits(ip.to_bits() & !0xff | 1);
        Self { known: Vec::new(), guessed: own.into_iter().map(first).collect() }
    }

    /// Parses Linux's `/proc/net/route`: a header line, then one line for each IPv4 route. Other lines
    /// are ignored.
    pub(crate) fn parse(table: &str) -> Self {
        let mut routes: Vec<Route> = table.lines().skip(1).filter_map(Route::parse).collect();
        routes.sort_by_key(|route| route.metric);
        let mut gateways = Self::default();
        for route in routes {
            if route.mask == 0 && !route.gateway.is_unspecified() {
                gateways.known.push(route.gateway);
            } else if route.gateway.is_unspecified() && route.to.is_private() && route.mask != !0 {
                let first = (route.to.to_bits() & route.mask).saturating_add(1);
                gateways.guessed.push(Ipv4Addr::from_bits(first));
            }
        }
        gateways
    }

    /// All gateways without duplicates, at most [`MAX_GATEWAYS`].
    pub(crate) fn all(&self) -> Vec<Ipv4Addr> {
        let mut all: Vec<Ipv4Addr> = Vec::new();
        for ip in self.known.iter().chain(&self.guessed) {
            if !all.contains(ip) && all.len() < MAX_GATEWAYS {
                all.push(*ip);
            }
        }
        all
    }

    /// The address of this machine, if it is reachable from outside without a mapping.
    pub(crate) fn own_public_address(&self) -> Option<Ipv4Addr> {
        let own = own_address(*self.known.first()?).ok()?;
        is_reachable(own).then_some(own)
    }
}

/// A line of the routing table.
struct Route {
    to: Ipv4Addr,
    gateway: Ipv4Addr,
    /// In host byte order: the highest bit is the first bit of an address.
    mask: u32,
    metric: u32,
}

impl Route {
    fn parse(line: &str) -> Option<Self> {
        let mut columns = line.split_ascii_whitespace().skip(1);
        // Eight hexadecimal digits: the bytes of the address in native byte order.
        let mut address = || {
            let number = u32::from_str_radix(columns.next()?, 16).ok()?;
            Some(Ipv4Addr::from(number.to_ne_bytes()))
        };
        let (to, gateway) = (address()?, address()?);
        let mut columns = line.split_ascii_whitespace().skip(6);
        let metric = columns.next()?.parse().ok()?;
        let mask = u32::from_str_radix(columns.next()?, 16).ok()?;
        Some(Self { to, gateway, mask: Ipv4Addr::from(mask.to_ne_bytes()).to_bits(), metric })
    }
}

/// The address from which this machine would send to `peer`. Nothing is sent.
pub(crate) fn own_address(peer: Ipv4Addr) -> io::Result<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(SocketAddr::from((peer, super::wire::natpmp::PORT)))?;
    match socket.local_addr()?.ip() {
        IpAddr::V4(ip) => Ok(ip),
        IpAddr::V6(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A Linux routing table with these routes: destination, gateway, mask, metric.
    pub(crate) fn table(routes: &[(&str, &str, &str, u32)]) -> String {
        let column = |ip: &str| {
            let ip: Ipv4Addr = ip.parse().unwrap();
            format!("{:08X}", u32::from_ne_bytes(ip.octets()))
        };
        let mut table =
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n".to_owned();
        for (to, gateway, mask, metric) in routes {
            let (to, gateway, mask) = (column(to), column(gateway), column(mask));
            table += &format!("eth0\t{to}\t{gateway}\t0003\t0\t0\t{metric}\t{mask}\t0\t0\t0\n");
        }
        table
    }

    fn ips<const N: usize>(texts: [&str; N]) -> [Ipv4Addr; N] {
        texts.map(|text| text.parse().unwrap())
    }

    #[test]
    fn the_default_gateways_come_first_and_then_the_guesses() {
        let table = table(&[
            ("0.0.0.0", "10.0.0.138", "0.0.0.0", 600),
            ("0.0.0.0", "192.168.1.254", "0.0.0.0", 100),
            ("192.168.1.0", "0.0.0.0", "255.255.255.0", 100),
            ("10.0.0.0", "0.0.0.0", "255.0.0.0", 600),
            ("198.51.100.0", "0.0.0.0", "255.255.255.0", 0),
            ("10.9.9.9", "0.0.0.0", "255.255.255.255", 0),
            ("172.16.0.0", "192.168.1.2", "255.240.0.0", 0),
        ]);
        let gateways = Gateways::parse(&table);
        assert_eq!(gateways.known, ips(["192.168.1.254", "10.0.0.138"]));
        assert_eq!(gateways.guessed, ips(["192.168.1.1", "10.0.0.1"]));
        assert_eq!(gateways.all().len(), 4);
    }

    #[test]
    fn invalid_lines_are_ignored() {
        for junk in ["", "\n\n", "a\nb c d\n", "x\neth0 00 zz\neth0 1 2 3 4 5 6\n"] {
            assert_eq!(Gateways::parse(junk), Gateways::default(), "{junk:?}");
        }
    }

    #[test]
    fn the_own_address_on_loopback_is_not_public() {
        assert_eq!(own_address(Ipv4Addr::LOCALHOST).unwrap(), Ipv4Addr::LOCALHOST);
        let gateways = Gateways { known: vec![Ipv4Addr::LOCALHOST], guessed: Vec::new() };
        assert_eq!(gateways.own_public_address(), None);
    }
}

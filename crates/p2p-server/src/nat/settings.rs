//! How long, how often and where gateways are asked.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::wire::natpmp;
use crate::dial::Backoff;

/// How a node asks gateways. Not part of the public settings; tests use other addresses and shorter
/// times.
#[derive(Debug, Clone)]
pub(crate) struct GatewaySettings {
    /// Lifetime that is asked for: 20 minutes, as in go-ethereum. go-ethereum renews after 15 minutes,
    /// this node after half of the granted lifetime (RFC 6886 §3.3).
    pub(crate) lifetime: Duration,
    /// Minimum time before a renewal, even if the lifetime is shorter.
    pub(crate) min_refresh: Duration,
    /// How often the gateway is asked for its address, which also shows whether it is still there and
    /// has not restarted.
    pub(crate) check_every: Duration,
    /// The delays after failures.
    pub(crate) backoff: Backoff,
    /// Time to wait for the first answer over UDP; it doubles with each attempt. RFC 6886 §3.1 has 250 ms
    /// and 9 attempts, two minutes together; this node fails after 8 s and retries later.
    pub(crate) first_wait: Duration,
    /// Number of attempts of one request.
    pub(crate) tries: u32,
    /// Time limit of a UPnP search. Gateways take up to 3 s to answer it.
    pub(crate) search: Duration,
    /// Time limit of one UPnP request.
    pub(crate) request: Duration,
    /// Time limit for removing all mappings when the server stops.
    pub(crate) farewell: Duration,
    /// The multicast address of UPnP searches.
    pub(crate) ssdp: SocketAddr,
    /// The port of gateways for NAT-PMP and PCP.
    pub(crate) pmp_port: u16,
    /// The file of the system's routing table.
    pub(crate) routes: PathBuf,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(20 * 60),
            min_refresh: Duration::from_secs(1),
            check_every: Duration::from_secs(2 * 60),
            backoff: Backoff {
                first: Duration::from_secs(15),
                cap: Duration::from_secs(10 * 60),
                steady: Duration::ZERO,
            },
            first_wait: Duration::from_millis(250),
            tries: 5,
            search: Duration::from_secs(6),
            request: Duration::from_secs(5),
            farewell: Duration::from_secs(1),
            ssdp: SocketAddr::from((Ipv4Addr::new(239, 255, 255, 250), 1900)),
            pmp_port: natpmp::PORT,
            routes: "/proc/net/route".into(),
        }
    }
}

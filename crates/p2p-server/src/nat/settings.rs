//! How long, how often and where gateways are asked.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::wire::natpmp;
use crate::dial::Backoff;

/// The terms on which a node deals with gateways. They are not for an operator to choose; tests have
/// gateways of their own, and less time.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// For how long a mapping is asked for. 20 minutes, as in go-ethereum; it asks again after 15,
    /// we after half of what was granted, as RFC 6886 §3.3 has it.
    pub(crate) lifetime: Duration,
    /// No mapping is refreshed sooner than after this, however short its lifetime is.
    pub(crate) min_refresh: Duration,
    /// How often a gateway is asked for its address, which also shows that it is still there and
    /// has not forgotten everything.
    pub(crate) check_every: Duration,
    /// The waits after failures.
    pub(crate) backoff: Backoff,
    /// How long the first answer over UDP is waited for, and how often a request is sent, each time
    /// with twice the wait. RFC 6886 §3.1 has 250 ms and 9 times, together two minutes; we give up
    /// after 8 s, because we come back.
    pub(crate) first_wait: Duration,
    pub(crate) tries: u32,
    /// How long a search by UPnP may take. Gateways take up to 3 s to answer it.
    pub(crate) search: Duration,
    /// How long one request by UPnP may take.
    pub(crate) request: Duration,
    /// How long the removal of all mappings may hold up the end of a server.
    pub(crate) farewell: Duration,
    /// Where UPnP devices are looked for.
    pub(crate) ssdp: SocketAddr,
    /// Where gateways listen for NAT-PMP and PCP.
    pub(crate) pmp_port: u16,
    /// Where the system's routes are read.
    pub(crate) routes: PathBuf,
}

impl Default for Terms {
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

//! Why a DNS query failed.

use std::{fmt, net::SocketAddr};

use hickory_resolver::net::{DnsError, NetError};
use thiserror::Error;

/// A DNS query failed. The text names the servers that were asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// No server has answered in time, or none can be reached.
    #[error("no answer from {}", Addrs(.servers))]
    NoAnswer {
        /// The servers that were asked.
        servers: Vec<SocketAddr>,
    },
    /// A server has answered with an error.
    #[error("{} answered the query with an error: {code}", Addrs(.servers))]
    Refused {
        /// The servers that were asked.
        servers: Vec<SocketAddr>,
        /// The error, for example `Server Failure`.
        code: String,
    },
}

impl QueryError {
    pub(super) fn new(error: &NetError, servers: &[SocketAddr]) -> Self {
        let servers = servers.to_vec();
        match error {
            NetError::Dns(DnsError::ResponseCode(code)) => {
                Self::Refused { servers, code: code.to_string() }
            }
            _ => Self::NoAnswer { servers },
        }
    }
}

/// Addresses, separated by commas.
struct Addrs<'a>(&'a [SocketAddr]);

impl fmt::Display for Addrs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, addr) in self.0.iter().enumerate() {
            write!(f, "{}{addr}", if index == 0 { "" } else { ", " })?;
        }
        if self.0.is_empty() { f.write_str("any DNS server") } else { Ok(()) }
    }
}

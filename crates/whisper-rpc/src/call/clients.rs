//! Identifies clients, so that what they cost is shared fairly and what they made is shown only to them.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use p2p_identity::host_prefix;
use p2p_world::HashState;
use whisper_protocol::Client;

/// Makes the keys of clients. The keys of connections and those of addresses differ, and neither is 0, the key of the
/// node itself.
#[derive(Debug)]
pub(crate) struct Clients {
    /// The key of the next connection. Even.
    next: AtomicU64,
    addresses: HashState,
}

impl Default for Clients {
    fn default() -> Self {
        Self { next: AtomicU64::new(2), addresses: HashState::default() }
    }
}

impl Clients {
    /// A client with a connection of its own.
    pub(crate) fn connection(&self) -> Client {
        Client { key: self.next.fetch_add(2, Ordering::Relaxed), weight: 1 }
    }

    /// The client at an address: all HTTP requests from there, which need not share a connection.
    pub(crate) fn address(&self, address: Option<IpAddr>) -> Client {
        Client { key: self.addresses.hash_one(address.map(host_prefix)) | 1, weight: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_is_a_client_and_so_is_each_address() {
        let clients = Clients::default();
        let [a, b] = [clients.connection(), clients.connection()];
        let at = |address: &str| clients.address(Some(address.parse().unwrap()));
        assert_ne!(a, b);
        assert_eq!(at("10.0.0.1"), at("::ffff:10.0.0.1"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::2"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
        let keys = [a.key, b.key, at("10.0.0.1").key, clients.address(None).key];
        assert!(keys.iter().all(|&key| key != 0));
        assert!(!keys[..2].iter().any(|key| keys[2..].contains(key)));
    }
}

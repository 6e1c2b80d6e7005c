//! Who may use what is outside of the world, and why.

use super::is_in;

/// Leave of one place to use something.
pub(super) struct Allowed {
    /// A file, or with `*` at its end all files that begin so.
    pub(super) place: &'static str,
    /// What it may use, with everything in it.
    pub(super) paths: &'static [&'static str],
    /// Not printed: for readers of this table.
    _reason: &'static str,
}

impl Allowed {
    /// Whether `path` is allowed in this file.
    pub(super) fn covers(&self, file: &str, path: &str) -> bool {
        is_in(file, self.place) && self.paths.iter().any(|allowed| is_in(path, allowed))
    }
}

const fn allow(
    place: &'static str,
    paths: &'static [&'static str],
    reason: &'static str,
) -> Allowed {
    Allowed { place, paths, _reason: reason }
}

const SOCKETS: &[&str] =
    &["std::net::TcpListener", "std::os::unix::net", "tokio::net", "tokio::spawn"];

pub(super) const ALLOWED: &[Allowed] = &[
    allow(
        "crates/p2p-identity/src/context.rs",
        &["rand_core::OsRng"],
        "blinds the curve's context, one for the process; results do not depend on it",
    ),
    allow(
        "crates/p2p-identity/src/secret_key.rs",
        &["rand_core::OsRng"],
        "`SecretKey::generate`: a program's key; no crate below it calls this",
    ),
    allow(
        "crates/p2p-identity/src/key_file.rs",
        &["rand_core::OsRng", "std::fs"],
        "a program's key, before its node is made",
    ),
    allow(
        "crates/node-store/src/test_util.rs",
        &["std::thread"],
        "kills a process of this machine at a random time",
    ),
    // Simulated nodes have no discv5, no lists in the DNS and no router.
    allow(
        "crates/p2p-discovery/src/discv5.rs",
        &["tokio::net"],
        "the crate discv5 has sockets of its own",
    ),
    allow("crates/p2p-discovery/src/dns/lists.rs", &["tokio::spawn"], "reads lists from the DNS"),
    allow(
        "crates/p2p-server/src/nat*",
        &["std::fs", "std::net::UdpSocket", "tokio::net"],
        "talks to the router of this machine",
    ),
    allow(
        "crates/p2p-server/src/context/socket.rs",
        &["tokio::net::TcpStream"],
        "sets options of a socket, if the connection has one",
    ),
    allow(
        "crates/whisper-pow/src/miner*",
        &["std::thread", "std::time::Instant::now"],
        "the threads of a miner; a miner in place has none, and no clock",
    ),
    allow(
        "crates/whisper-pow/src/meter.rs",
        &["std::time::Instant::now"],
        "the progress of a miner with threads; in place it is counted in nonces",
    ),
    allow(
        "crates/whisper-pow/src/rate.rs",
        &["std::time::Instant::now"],
        "measures this machine; no crate below the program calls it",
    ),
    allow(
        "crates/whisper-protocol/src/config.rs",
        &["std::thread::available_parallelism", "std::thread"],
        "the default number of workers; `Config::simulated` has one",
    ),
    // The servers of JSON-RPC are a program's door. Simulations call the methods.
    allow(
        "crates/whisper-rpc/src/transport/clock.rs",
        &["std::time::SystemTime::now"],
        "the clock that hyper and rustls read",
    ),
    allow(
        "crates/whisper-rpc/src/transport/http.rs",
        &["std::time::SystemTime::now"],
        "the clock that hyper reads",
    ),
    allow(
        "crates/whisper-rpc/src/transport/ipc/socket_file.rs",
        &["std::fs", "std::os::unix::net"],
        "a server's socket",
    ),
    allow(
        "crates/whisper-rpc/src/transport/listener.rs",
        SOCKETS,
        "the server's sockets, and the tasks of their clients",
    ),
    allow("crates/whisper-rpc/src/transport/tls.rs", &["std::fs"], "the server's certificate"),
    allow("crates/whisper-rpc/src/transport/token.rs", &["std::fs"], "the server's token"),
    allow("crates/whisper-rpc/src/transport/transports.rs", SOCKETS, "the server's sockets"),
];

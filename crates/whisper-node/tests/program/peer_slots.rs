//! The flags about the peer slots of one address and one network.

use std::net::SocketAddr;
use std::process::Command;

use p2p_identity::{Enode, SecretKey};
use p2p_server::{Config, Event, NodeDialer, Server};
use tokio::net::TcpSocket;
use tokio::sync::mpsc;
use whisper_protocol::Whisper;

use crate::running::{PROGRAM, Running};

/// A server that connects to the node from this address of loopback.
async fn peer(whisper: &Whisper, from: &str, node: &Enode) -> Server {
    let from: SocketAddr = format!("{from}:0").parse().unwrap();
    let dialer = NodeDialer::new(move |enode: Enode| async move {
        let socket = TcpSocket::new_v4()?;
        socket.bind(from)?;
        let to = format!("{}:{}", enode.host, enode.tcp);
        socket.connect(to.parse().unwrap()).await
    });
    let key = SecretKey::random(&mut rand::rng());
    let config = Config::new(key).protocols(whisper.protocols()).node_dialer(dialer);
    Server::start(config.static_node(node.clone())).await.unwrap()
}

/// Whether the newest of five peers gets one of four slots: the others come from 127.0.0.1.
async fn newcomer_is_admitted(from: &str, flags: &[&str]) -> bool {
    let datadir = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["--addr", "127.0.0.1", "--port", "0", "--http=false", "--ws=false"]);
    command.args(["--ipcdisable", "--nodiscover", "--verbosity", "1", "--maxpeers", "4"]);
    command.arg("--datadir").arg(datadir.path()).args(flags);
    let mut program = Running::start(&mut command);
    let node: Enode = program.value("enode").parse().unwrap();
    let whisper = Whisper::new(whisper_protocol::Config::default());
    let (ended, mut first_ended) = mpsc::unbounded_channel();
    let mut peers = Vec::new();
    for from in ["127.0.0.1"; 4].into_iter().chain([from]) {
        let server = peer(&whisper, from, &node).await;
        let mut events = server.events();
        let number = peers.len();
        while number < 4 && !matches!(events.next().await.unwrap(), Event::Added { .. }) {}
        let ended = ended.clone();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if matches!(event, Event::Dropped { .. } | Event::DialFailed { .. }) {
                    let _ = ended.send(number);
                }
            }
        });
        peers.push(server);
    }
    // One of them has to go: the newcomer, or one of the others.
    first_ended.recv().await.unwrap() < 4
}

#[tokio::test]
#[cfg(target_os = "linux")] // Other systems have only one loopback address.
async fn one_address_and_one_network_keep_as_many_slots_as_the_flags_say() {
    let (same_network, other_network) = ("127.0.0.2", "127.0.1.1");
    let (ip, network) = (["--maxpeersperip", "4"], ["--maxpeerspernet", "4"]);
    assert!(newcomer_is_admitted(same_network, &[]).await, "a quarter for one address");
    assert!(!newcomer_is_admitted(same_network, &ip).await);
    assert!(newcomer_is_admitted(other_network, &ip).await, "a half for one network");
    assert!(!newcomer_is_admitted(other_network, &[ip, network].concat()).await);
}

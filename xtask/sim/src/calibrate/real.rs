//! The network over the sockets of this machine.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use p2p_server::{
    Config, Server,
    identity::{Enode, SecretKey},
};
use p2p_world::{SystemWorld, rng};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    Arrivals, CONNECT, LATENCY, Measured, POST_EVERY, Participant, SETTLE, posts, proxy::Proxy,
    simulated,
};
use crate::settings::Settings;

/// Longest time until all nodes are connected.
const CONNECT_LIMIT: Duration = Duration::from_secs(30);

/// Runs the network. Returns also how long its lines really took.
pub(super) fn run(settings: &Settings) -> io::Result<(Measured, Duration)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let dials = simulated::dials(settings);
    runtime.block_on(network(settings, &dials))
}

async fn network(settings: &Settings, dials: &[Vec<usize>]) -> io::Result<(Measured, Duration)> {
    let (arrivals, world) = (Arrivals::default(), SystemWorld::shared());
    let keys: Vec<SecretKey> = (0..settings.nodes).map(|_| SecretKey::random(&mut rng())).collect();
    let begin = Instant::now();
    let (mut servers, mut participants) = (Vec::new(), Vec::new());
    for (index, key) in keys.iter().enumerate() {
        let participant = Participant::new(index, &world, &arrivals);
        let config = Config::new(key.clone()).name("p2p-sim").listen("127.0.0.1:0");
        let server = Server::start(participant.configure(config)).await;
        servers.push(server.map_err(io::Error::other)?);
        participants.push(participant);
    }
    // One proxy for each node: its line to all that dial it.
    let proxy = Arc::new(Proxy::new(LATENCY));
    let mut enodes = Vec::new();
    for (server, key) in servers.iter().zip(&keys) {
        let addr = server.listen_addr().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, addr.port()));
        let enode = Enode::new(key.id(), Arc::clone(&proxy).before(addr).await?);
        enodes.push(Enode { udp: 0, ..enode });
    }
    for (server, dials) in servers.iter().zip(dials) {
        dials.iter().for_each(|peer| server.add_peer(enodes[*peer].clone()));
    }
    sleep_until(begin + CONNECT).await;
    let edges: usize = dials.iter().map(Vec::len).sum();
    while servers.iter().map(Server::peer_count).sum::<usize>() < 2 * edges {
        if begin.elapsed() > CONNECT_LIMIT {
            return Err(io::Error::other("the nodes did not connect"));
        }
        sleep(LATENCY).await;
    }
    let begin = Instant::now();
    for (number, node) in (0..).zip(posts(settings)) {
        tokio::spawn(participants[node].clone().post(number));
        let sent = u32::try_from(number + 1).unwrap_or(u32::MAX);
        sleep_until(begin + POST_EVERY * sent).await;
    }
    sleep(SETTLE).await;
    Ok((arrivals.measured(proxy.bytes()), proxy.took()))
}

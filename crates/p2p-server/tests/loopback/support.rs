//! Shared by the tests: keys, simple sub-protocols, waiting for an event.

use std::{future::Future, net::SocketAddr, time::Duration};

use p2p_server::{
    Backoff, Config, Event, Events, Server,
    identity::{Enode, NodeId, SecretKey},
    mux::{self, Exit, LocalNode, NegotiatedConnection, Protocol, exchange_hello},
    transport::{HANDSHAKE_LIMIT, connect},
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpSocket, TcpStream},
    sync::mpsc,
};

pub(crate) const PING: u64 = 0;
pub(crate) const PONG: u64 = 1;

/// Redials fast; every connection counts as a success.
pub(crate) const QUICK: Backoff = Backoff {
    first: Duration::from_millis(5),
    cap: Duration::from_millis(50),
    steady: Duration::ZERO,
};

pub(crate) fn key(n: u8) -> SecretKey {
    SecretKey::from_bytes(&[n; 32]).unwrap()
}

pub(crate) fn id(n: u8) -> NodeId {
    key(n).id()
}

/// A sub-protocol that sends nothing and runs until the connection ends.
pub(crate) fn quiet() -> Protocol {
    Protocol::new("quiet", 1, 2, |_peer, mut channel| async move {
        while channel.recv().await.is_some() {}
        Ok(())
    })
}

/// Sends a ping with `number` to each new peer, and answers pings with the number plus one. The receiver gets
/// the answers.
pub(crate) fn echo(number: u64) -> (Protocol, mpsc::Receiver<(NodeId, u64)>) {
    let (heard, answers) = mpsc::channel(256);
    let protocol = Protocol::new("echo", 1, 2, move |peer, mut channel| {
        let heard = heard.clone();
        async move {
            channel.send(PING, &number).await?;
            while let Some(message) = channel.recv().await {
                match message.code {
                    PING => channel.send(PONG, &(message.decode::<u64>()? + 1)).await?,
                    PONG => drop(heard.send((peer.id(), message.decode::<u64>()?)).await),
                    code => return Err(Exit::unexpected(code)),
                }
            }
            Ok(())
        }
    });
    (protocol, answers)
}

/// A node on a free port of loopback, with the quiet protocol.
pub(crate) fn config(n: u8) -> Config {
    Config::new(key(n))
        .name(format!("node-{n}"))
        .listen("127.0.0.1:0")
        .protocol(quiet())
        .backoff(QUICK)
}

pub(crate) async fn start(config: Config) -> Server {
    Server::start(config).await.unwrap()
}

pub(crate) fn addr(server: &Server) -> SocketAddr {
    server.listen_addr().unwrap()
}

/// The output of the future. If it is not ready in time, the test fails instead of hanging.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("no result in time")
}

/// The first event for which `pick` returns a value.
pub(crate) async fn until<T>(events: &mut Events, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
    soon(async {
        loop {
            let event = events.next().await.expect("the server stopped");
            if let Some(found) = pick(&event) {
                return found;
            }
        }
    })
    .await
}

pub(crate) async fn added(events: &mut Events, id: NodeId) {
    until(events, |event| {
        matches!(event, Event::Added { id: peer, .. } if *peer == id).then_some(())
    })
    .await;
}

pub(crate) async fn dropped(events: &mut Events, id: NodeId) -> mux::CloseReason {
    until(events, |event| match event {
        Event::Dropped { id: peer, closed } if *peer == id => Some(closed.clone()),
        _ => None,
    })
    .await
}

/// Two connected nodes; the first one has dialed the second.
pub(crate) async fn pair(a: Config, b: Config) -> (Server, Server) {
    let (a, b) = (start(a).await, start(b).await);
    let (mut a_events, mut b_events) = (a.events(), b.events());
    a.add_peer(b.enode());
    added(&mut a_events, b.id()).await;
    added(&mut b_events, a.id()).await;
    (a, b)
}

/// A socket from this loopback address. On Linux all addresses of 127.0.0.0/8 can be used.
pub(crate) async fn connect_from(ip: [u8; 4], to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((ip, 0)))?;
    socket.connect(to).await
}

/// Waits until the other end has closed the connection, with or without an error.
pub(crate) async fn hung_up(socket: &mut TcpStream) {
    soon(async {
        let mut rest = [0; 1024];
        while let Ok(1..) = socket.read(&mut rest).await {}
    })
    .await;
}

/// The Hello data of a client without a server.
pub(crate) fn local(key: &SecretKey, protocol: Protocol) -> LocalNode {
    LocalNode { client: "client".into(), protocols: vec![protocol], port: 0, id: key.id() }
}

/// Dials as a client without a server, and exchanges Hello.
pub(crate) async fn dial(
    key: &SecretKey,
    enode: &Enode,
) -> Result<NegotiatedConnection<TcpStream>, mux::HelloExchangeError> {
    let socket = TcpStream::connect(enode.socket_addr().unwrap()).await.unwrap();
    dial_over(socket, key, enode).await
}

/// As [`dial`], over an open socket.
pub(crate) async fn dial_over(
    socket: TcpStream,
    key: &SecretKey,
    enode: &Enode,
) -> Result<NegotiatedConnection<TcpStream>, mux::HelloExchangeError> {
    let stream = connect(socket, key, &enode.id, HANDSHAKE_LIMIT).await.unwrap();
    exchange_hello(stream, &local(key, quiet()), &mux::Config::default()).await
}

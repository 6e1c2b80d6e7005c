//! A sub-protocol of about twenty lines, between two nodes in one process over loopback TCP.
//!
//! `cargo run -p p2p-mux --example echo`

use std::error::Error;

use p2p_mux::{
    Config, Exit, LocalNode, Origin, Protocol, exchange_hello,
    identity::{NodeId, SecretKey, causes},
    transport::{HANDSHAKE_LIMIT, accept, connect},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

// ---- the sub-protocol

const PING: u64 = 0;
const PONG: u64 = 1;

/// Sends a ping, answers pings, and passes each pong with its sender to `pongs`.
fn echo(pongs: mpsc::Sender<(NodeId, u64)>) -> Protocol {
    Protocol::new("echo", 1, 2, move |peer, mut channel| {
        let pongs = pongs.clone();
        async move {
            channel.send(PING, &7u64).await?;
            while let Some(message) = channel.recv().await {
                match message.code {
                    PING => channel.send(PONG, &message.decode::<u64>()?).await?,
                    PONG => pongs.send((peer.id(), message.decode()?)).await?,
                    code => return Err(Exit::unexpected(code)),
                }
            }
            Ok(())
        }
    })
}

// ---- two nodes that run it (p2p-server does this for many peers)

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (alice, bob) = (SecretKey::random(&mut rand::rng()), SecretKey::random(&mut rand::rng()));
    let (sender, mut pongs) = mpsc::channel(2);
    let local = |key: &SecretKey| LocalNode {
        client: "echo/0.1".into(),
        protocols: vec![echo(sender.clone())],
        port: 0,
        id: key.id(),
    };
    let (at_alice, at_bob) = (local(&alice), local(&bob));
    let (config, stop) = (Config::default(), CancellationToken::new());

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let bobs_side = async {
        let (socket, _) = listener.accept().await?;
        let stream = accept(socket, &bob, HANDSHAKE_LIMIT).await?;
        Ok::<_, Box<dyn Error>>(exchange_hello(stream, &at_bob, &config).await?)
    };
    let alices_side = async {
        let socket = TcpStream::connect(address).await?;
        let stream = connect(socket, &alice, &bob.id(), HANDSHAKE_LIMIT).await?;
        Ok::<_, Box<dyn Error>>(exchange_hello(stream, &at_alice, &config).await?)
    };
    let (bobs_side, alices_side) = tokio::try_join!(bobs_side, alices_side)?;

    let running = [(bobs_side, true), (alices_side, false)].map(|(side, inbound)| {
        let (peer, future) = side.run(Origin { inbound, ..Origin::default() }, stop.clone());
        println!("connected to {:?}, running {:?}", peer.id(), peer.shared());
        tokio::spawn(future)
    });
    for _ in 0..2 {
        let (id, number) = pongs.recv().await.ok_or("both nodes have ended")?;
        println!("{id:?} answered {number}");
        assert_eq!(number, 7);
    }
    stop.cancel();
    for connection in running {
        println!("closed {}", causes(&connection.await?));
    }
    Ok(())
}

#[test]
fn both_nodes_answer() {
    main().unwrap();
}

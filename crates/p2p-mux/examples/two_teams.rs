//! Two teams share a connection: the sub-protocol of one crashes every second and is started again,
//! that of the other measures how long its messages take, and does not notice.
//!
//! `cargo run -p p2p-mux --example two_teams -- 5` runs it for five seconds; the default is three.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use p2p_mux::{
    Config, LocalNode, OnExit, Origin, Protocol, RestartSettings, exchange_hello,
    identity::SecretKey,
    transport::{HANDSHAKE_LIMIT, accept, connect},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{interval, sleep},
};
use tokio_util::sync::CancellationToken;

// ---- the first team's: a bug that comes out every second

fn crasher() -> Protocol {
    let restart = RestartSettings {
        first_delay: Duration::from_millis(100),
        factor: 1,
        ..RestartSettings::default()
    };
    Protocol::new("crasher", 1, 1, |_, channel| async move {
        channel.send(0, "here I am again").await?;
        sleep(Duration::from_secs(1)).await;
        panic!("the bug");
    })
    .on_exit(OnExit::Restart(restart))
}

// ---- the second team's: asks, answers, and reports how long an answer took

const PING: u64 = 0;
const PONG: u64 = 1;

fn prober(report: mpsc::Sender<Duration>) -> Protocol {
    Protocol::new("prober", 1, 2, move |_, mut channel| {
        let report = report.clone();
        async move {
            let started = Instant::now();
            let elapsed = || u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let mut next = interval(Duration::from_millis(10));
            loop {
                tokio::select! {
                    _ = next.tick() => channel.send(PING, &elapsed()).await?,
                    message = channel.recv() => match message {
                        None => return Ok(()),
                        Some(ping) if ping.code == PING => {
                            channel.send_raw(PONG, ping.payload).await?;
                        }
                        Some(pong) => {
                            let took = elapsed().saturating_sub(pong.decode()?);
                            report.send(Duration::from_nanos(took)).await?;
                        }
                    },
                }
            }
        }
    })
}

// ---- two nodes that run both

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A line, and no backtrace: to make one takes a processor for a tenth of a second, and it is the
    // connection that is to be measured here.
    std::panic::set_hook(Box::new(|panic| eprintln!("a panic: {panic}")));
    let seconds = std::env::args().nth(1).map_or(Ok(3), |given| given.parse())?;
    let (report, mut reports) = mpsc::channel::<Duration>(1024);
    let (alice, bob) = (SecretKey::random(&mut rand::rng()), SecretKey::random(&mut rand::rng()));
    let local = |key: &SecretKey| LocalNode {
        client: "two-teams/0.1".into(),
        protocols: vec![crasher(), prober(report.clone())],
        port: 0,
        id: key.id(),
    };
    let (at_alice, at_bob) = (local(&alice), local(&bob));
    drop(report);
    let (config, stop) = (Config::default(), CancellationToken::new());

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let bobs_side = async {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let stream = accept(socket, &bob, HANDSHAKE_LIMIT).await?;
        Ok::<_, Box<dyn Error>>(exchange_hello(stream, &at_bob, &config).await?)
    };
    let alices_side = async {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let stream = connect(socket, &alice, &bob.id(), HANDSHAKE_LIMIT).await?;
        Ok::<_, Box<dyn Error>>(exchange_hello(stream, &at_alice, &config).await?)
    };
    let (bobs_side, alices_side) = tokio::try_join!(bobs_side, alices_side)?;
    let ((_, bobs_life), (peer, alices_life)) = (
        bobs_side.run(Origin { inbound: true, ..Origin::default() }, stop.clone()),
        alices_side.run(Origin::default(), stop.clone()),
    );
    let lives = [tokio::spawn(bobs_life), tokio::spawn(alices_life)];

    for second in 1..=seconds {
        sleep(Duration::from_secs(1)).await;
        let mut took: Vec<_> = std::iter::from_fn(|| reports.try_recv().ok()).collect();
        took.sort_unstable();
        let stats = peer.stats();
        println!(
            "second {second}: {} answers, half of them within {:?}, the slowest after {:?}; \
             the other team's: {} panics, started again {} times",
            took.len(),
            took.get(took.len() / 2).unwrap_or(&Duration::ZERO),
            took.last().unwrap_or(&Duration::ZERO),
            stats.slots[0].exits.panicked,
            stats.slots[0].restarts,
        );
    }
    println!("the connection is {}", if peer.is_closed() { "closed" } else { "open" });
    stop.cancel();
    for life in lives {
        println!("closed {}", life.await?);
    }
    Ok(())
}

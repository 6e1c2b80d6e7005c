//! Two sub-protocols share a connection. One crashes every second and is restarted. The other measures
//! round trips and is not disturbed.
//!
//! `cargo run -p p2p-mux --example two_teams -- 5` runs it for five seconds; the default is three.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use p2p_mux::{
    Config, LocalNode, OnExit, Origin, Protocol, RestartSettings, SlotStats, exchange_hello,
    identity::{SecretKey, causes},
    transport::{HANDSHAKE_LIMIT, accept, connect},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{interval, sleep},
};
use tokio_util::sync::CancellationToken;

// ---- the first sub-protocol: it crashes every second

fn crasher() -> Protocol {
    let restart = RestartSettings {
        first_delay: Duration::from_millis(100),
        factor: 1,
        ..RestartSettings::default()
    };
    Protocol::new("crasher", 1, 1, |_, channel| async move {
        channel.send(0, "restarted").await?;
        sleep(Duration::from_secs(1)).await;
        panic!("the bug");
    })
    .on_exit(OnExit::Restart(restart))
}

// ---- the second sub-protocol: sends pings, answers pings, and reports the round trips

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
                            let round_trip = elapsed().saturating_sub(pong.decode()?);
                            report.send(Duration::from_nanos(round_trip)).await?;
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
    let seconds = std::env::args().nth(1).map_or(Ok(3), |given| given.parse())?;
    run(seconds).await
}

async fn run(seconds: u32) -> Result<(), Box<dyn Error>> {
    // One line without a backtrace: making a backtrace takes a tenth of a second of processor time,
    // which would disturb the measurement.
    std::panic::set_hook(Box::new(|panic| eprintln!("a panic: {panic}")));
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
    let ((_, bobs_future), (peer, alices_future)) = (
        bobs_side.run(Origin { inbound: true, ..Origin::default() }, stop.clone()),
        alices_side.run(Origin::default(), stop.clone()),
    );
    let running = [tokio::spawn(bobs_future), tokio::spawn(alices_future)];

    for second in 1..=seconds {
        sleep(Duration::from_secs(1)).await;
        let round_trips = std::iter::from_fn(|| reports.try_recv().ok()).collect();
        print(second, round_trips, &peer.stats().slots[0]);
    }
    let crashes = peer.stats().slots[0].exits.panicked;
    println!("the connection is {}", if peer.is_closed() { "closed" } else { "open" });
    assert!(!peer.is_closed() && (seconds < 2 || crashes > 0), "{crashes} crashes");
    stop.cancel();
    for connection in running {
        println!("closed {}", causes(&connection.await?));
    }
    Ok(())
}

/// Prints the round trips of one second, and what the other sub-protocol did so far.
fn print(second: u32, mut round_trips: Vec<Duration>, other: &SlotStats) {
    assert!(!round_trips.is_empty(), "the other team is not served");
    round_trips.sort_unstable();
    println!(
        "second {second}: {} round trips, median {:?}, maximum {:?}; \
         the other sub-protocol: {} panics, {} restarts",
        round_trips.len(),
        round_trips[round_trips.len() / 2],
        round_trips[round_trips.len() - 1],
        other.exits.panicked,
        other.restarts,
    );
}

#[tokio::test]
async fn a_crash_does_not_disturb_the_other_team() {
    run(2).await.unwrap();
}

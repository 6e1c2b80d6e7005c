//! `whisper-node demo`: sends one message along a line of three nodes over real sockets, or shows a network in a browser.

mod web;

use std::time::Duration;

use clap::Args;
use p2p_identity::SecretKey;
use p2p_server::{Event, Events};
use tokio::time::{Instant, timeout};
use whisper_envelope::{Dialect, Draft, Recipient, SymmetricKey};
use whisper_node::{Node, NodeConfig};
use whisper_pow::{Miner, Target, Work};
use whisper_protocol::{
    Clock, Config, Envelope, EnvelopeOutcome, FilterKey, FilterSpec, Policy, Topic, Watch,
};
use whisper_rpc::RpcConfig;

use super::console::print;
use super::failure::Failure;

/// Maximum time for each step. On an idle machine, all steps together take about a second.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);
const NAMES: [&str; 3] = ["anna", "bert", "carl"];
const TOPIC: Topic = Topic(*b"demo");
const PASSWORD: &str = "a word that anna, bert and carl share";
const TEXT: &str = "hello from the other end";

/// The flags of the command.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Demo {
    /// Run eight nodes that talk until Ctrl-C, and open the dashboard of one of them in a browser
    #[arg(long)]
    web: bool,

    /// With --web: print the address of the dashboard, and open no browser
    #[arg(long, requires = "web")]
    no_open: bool,
}

impl Demo {
    /// Runs the demo.
    ///
    /// # Errors
    ///
    /// A node did not start, or a message did not arrive.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        if self.web { web::run(!self.no_open).await } else { run().await }
    }
}

/// Starts three nodes, sends a message from the first to the last, and prints when each of them had it.
async fn run() -> Result<(), Failure> {
    print("Three nodes in this process, each with a key, a port and peers of its own:")?;
    let start = Instant::now();
    let nodes = line().await?;
    for (node, name) in nodes.iter().zip(NAMES) {
        print(&format!("  {name}  {}", shortened(&node.server.enode().to_string())))?;
    }
    print(&format!(
        "  anna ── bert ── carl: connected, shh/6 agreed  {:>10}",
        millis(start.elapsed())
    ))?;
    print("  (anna and carl have no connection; bert relays)")?;
    let sent = send(&nodes).await;
    for node in nodes {
        node.stop().await;
    }
    sent
}

/// Sends a message from the first node and waits for it on the two others.
async fn send(nodes: &[Node; 3]) -> Result<(), Failure> {
    let [anna, bert, carl] = nodes;
    // Each waits in a task of its own, so that its time is exact.
    let waiting =
        [bert, carl].map(|node| watch(node).map(|watch| tokio::spawn(wait_for_message(watch))));
    let min_work = Config::default().min_work;
    print(&format!(
        "\nanna posts {TEXT:?}, encrypted, with a proof of work of {}:",
        min_work.get()
    ))?;
    let key = SymmetricKey::from_password(PASSWORD.as_bytes());
    let start = Instant::now();
    let envelope =
        seal(&key, min_work).await.ok_or(Failure::Demo("anna found no proof of work"))?;
    let hash = hex::encode(&envelope.hash()[..4]);
    let sealed = Instant::now();
    if anna.whisper.inject(envelope) != EnvelopeOutcome::New {
        return Err(Failure::Demo("anna refused her own envelope"));
    }
    print(&format!(
        "  anna  has found the proof of work {:>12}   envelope 0x{hash}…",
        millis(sealed - start)
    ))?;
    let mut before = sealed;
    for (arrival, line) in waiting
        .into_iter()
        .zip(["bert  has it, and passed it on  ", "carl  opens it                 "])
    {
        let at = arrival?.await.map_err(|_| Failure::Demo("a task ended"))??;
        print(&format!(
            "  {line} {:>13}",
            format!("+{}", millis(at.saturating_duration_since(before)))
        ))?;
        before = at;
    }
    print("\nTry it yourself: `whisper-node --help`, and the README.")?;
    Ok(())
}

/// Makes the envelope like `Whisper::post`, but separately, so that the work and the hops are timed separately.
async fn seal(key: &SymmetricKey, min_work: Work) -> Option<Envelope> {
    let draft = Draft::new(Dialect::V6, Recipient::Symmetric(key), Clock::system().now());
    let unsealed = draft.topic(TOPIC).payload(TEXT.as_bytes()).encrypt(&mut rand::rng()).ok()?;
    let target = Target::AtLeast(min_work);
    let sealed =
        Miner::new().seal(&unsealed, Policy::default().seal, target, STEP_TIMEOUT).await.ok()?;
    Some(sealed.envelope)
}

/// Subscribes to the message, with the key that all three nodes share.
fn watch(node: &Node) -> Result<Watch, Failure> {
    let key = node.whisper.keys().symmetric_from_password(PASSWORD);
    let spec = FilterSpec::new(FilterKey::Symmetric(key)).topic(TOPIC);
    node.whisper.watch(spec).map_err(|_| Failure::Demo("a key is missing"))
}

/// Waits for the message. Returns when it arrived.
async fn wait_for_message(mut watch: Watch) -> Result<Instant, Failure> {
    let received = timeout(STEP_TIMEOUT, watch.next()).await.ok().flatten();
    let now = Instant::now();
    match received {
        Some(received) if received.message.payload == TEXT.as_bytes() => Ok(now),
        Some(_) => Err(Failure::Demo("another message arrived")),
        None => Err(Failure::Demo("the message did not arrive")),
    }
}

/// Starts three nodes, each connected to the next.
async fn line() -> Result<[Node; 3], Failure> {
    let config = |name: &str| {
        let key = SecretKey::random(&mut rand::rng());
        p2p_server::Config::new(key).name(format!("demo/{name}")).listen("127.0.0.1:0")
    };
    let start = |server: p2p_server::Config| {
        let rpc = RpcConfig { http: None, ws: None, ..RpcConfig::default() };
        Node::start(NodeConfig { rpc, ..NodeConfig::new(server) })
    };
    let carl = start(config(NAMES[2])).await?;
    let mut bert = start(config(NAMES[1]).static_node(carl.server.enode())).await?;
    let anna = start(config(NAMES[0]).static_node(bert.server.enode())).await?;
    let both = async {
        while bert.server.peer_count() < 2 {
            next_event(&mut bert.events).await?;
        }
        Ok::<_, Failure>(())
    };
    timeout(STEP_TIMEOUT, both).await.map_err(|_| Failure::Demo("the nodes did not connect"))??;
    Ok([anna, bert, carl])
}

/// Waits for the next event of a node.
async fn next_event(events: &mut Events) -> Result<Event, Failure> {
    events.next().await.ok_or(Failure::Demo("a node stopped"))
}

/// Shortens an enode URL.
fn shortened(enode: &str) -> String {
    match enode.split_once('@') {
        Some((id, address)) => format!("{}…@{address}", id.chars().take(16).collect::<String>()),
        None => enode.to_owned(),
    }
}

fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

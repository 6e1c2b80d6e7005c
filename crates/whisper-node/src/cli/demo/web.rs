//! `whisper-node demo --web`: a small network that talks, and the dashboard of one of its nodes in a browser.

use std::time::Duration;

use p2p_identity::{Enode, SecretKey};
use tokio::process::Command;
use tokio::time::{MissedTickBehavior, interval};
use whisper_node::{Node, NodeConfig};
use whisper_protocol::{FilterKey, FilterSpec, Post, Recipient, Topic};
use whisper_rpc::RpcConfig;

use crate::cli::console::{announce, print};
use crate::cli::failure::Failure;

/// The nodes. Each is connected to the next one and to the one after it.
const NAMES: [&str; 8] = ["anna", "bert", "carl", "dora", "emil", "faye", "gina", "hans"];

const TOPIC: Topic = Topic(*b"demo");
const PASSWORD: &str = "a word that all of them share";

/// Time between two posts.
const POST_INTERVAL: Duration = Duration::from_secs(1);

/// How long messages live, in seconds.
const TTL_SECS: u32 = 60;

/// The program that opens a URL in the browser of the user.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// Runs the network until Ctrl-C. `opens`: whether the dashboard is opened in a browser.
pub(super) async fn run(opens: bool) -> Result<(), Failure> {
    let nodes = network().await?;
    let talked = talk(&nodes, opens).await;
    for node in nodes {
        node.stop().await;
    }
    talked
}

async fn network() -> Result<Vec<Node>, Failure> {
    let keys = NAMES.map(|_| SecretKey::random(&mut rand::rng()));
    let ids: Vec<_> = keys.iter().map(SecretKey::id).collect();
    let mut nodes: Vec<Node> = Vec::new();
    for (index, (name, key)) in NAMES.iter().zip(keys).enumerate() {
        let known: Vec<Enode> =
            nodes.iter().rev().take(2).map(|node| node.server.enode()).collect();
        let server =
            p2p_server::Config::new(key).name(format!("demo/{name}")).listen("127.0.0.1:0");
        let server = known.into_iter().fold(server, p2p_server::Config::static_node);
        // As in a private network: only these may be peers, so they tell each other where an envelope is.
        let server = ids.iter().copied().fold(server, p2p_server::Config::allow);
        let rpc = RpcConfig { http: None, ws: None, ..RpcConfig::default() };
        // The one in the middle has peers that it dialed, and peers that dialed it.
        let metrics = (index == NAMES.len() / 2).then_some(([127, 0, 0, 1], 0).into());
        nodes.push(Node::start(NodeConfig { rpc, metrics, ..NodeConfig::new(server) }).await?);
    }
    Ok(nodes)
}

/// Each node posts in its turn, and takes the messages of all, until Ctrl-C.
async fn talk(nodes: &[Node], opens: bool) -> Result<(), Failure> {
    let shown = nodes.iter().zip(NAMES).find_map(|(node, name)| Some((node.metrics_addr()?, name)));
    let (addr, name) = shown.ok_or(Failure::Demo("no node has a dashboard"))?;
    let (count, url) = (nodes.len(), format!("http://{addr}/"));
    print(&format!(
        "{count} nodes in this process post one message a second. The dashboard of {name}:\n  {url}\nCtrl-C stops them."
    ))?;
    if opens {
        // Beside the posts: some openers run the browser themselves, and end with it.
        tokio::spawn(async move {
            if !open(&url).await {
                announce("(No browser could be opened from here: open the page yourself.)");
            }
        });
    }
    let mut watches = Vec::new();
    for node in nodes {
        let key = node.whisper.keys().symmetric_from_password(PASSWORD);
        let spec = FilterSpec::new(FilterKey::Symmetric(key)).topic(TOPIC);
        let watch = node.whisper.watch(spec);
        watches.push(watch.map_err(|_| Failure::Demo("a key is missing"))?);
    }
    for mut watch in watches {
        tokio::spawn(async move { while watch.next().await.is_some() {} });
    }
    let mut ticks = interval(POST_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let posts = async {
        for number in 1_u64.. {
            ticks.tick().await;
            let index = usize::try_from(number).unwrap_or_default() % count;
            post(&nodes[index], NAMES[index], number).await?;
        }
        Ok(())
    };
    tokio::select! {
        ended = posts => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn post(node: &Node, name: &str, number: u64) -> Result<(), Failure> {
    let key = node.whisper.keys().symmetric_from_password(PASSWORD);
    let payload = format!("message {number}, from {name}").into_bytes();
    let to = Recipient::Symmetric(key);
    let post = Post { topic: TOPIC, payload, ttl: TTL_SECS, ..Post::new(to) };
    match node.whisper.post(post).await {
        Ok(_) => Ok(()),
        Err(error) => print(&format!("{name} could not post: {error}")),
    }
}

/// Opens a page in the browser of the user. Returns whether that worked.
async fn open(url: &str) -> bool {
    let mut opener = Command::new(OPENER);
    opener.arg(url).stdin(std::process::Stdio::null());
    opener.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    opener.status().await.is_ok_and(|status| status.success())
}

//! JSON-RPC: requests per second and their 99th percentile over each transport, and the time until many subscribers have
//! a message.
//!
//! The clients are tasks of the same process on the same cores, so both ends are measured together.

#[path = "rpc/client.rs"]
mod client;

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use p2p_mux::identity::SecretKey;
use p2p_server::Server;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use whisper_protocol::{Config, Post, Recipient, Topic, Whisper, Work};
use whisper_rpc::{HttpSettings, RpcConfig, RpcLimits, RpcServer, WsSettings, serve};

use client::{Client, Transport};

/// Number of concurrent clients, each on its own connection.
fn client_count() -> usize {
    benches::size(64, 4)
}

/// Number of calls of each client.
const CALLS: usize = 500;

/// Number of connections that subscribe. Together there are 1000 subscriptions.
fn subscribed_connections() -> usize {
    benches::size(250, 5)
}

/// Number of subscriptions on each of them.
const SUBSCRIPTIONS_PER_CONNECTION: usize = 4;

/// Number of messages that are posted to them.
const ROUNDS: usize = 20;

const VERSION: &str = r#"{"jsonrpc":"2.0","id":1,"method":"shh_version","params":[]}"#;

struct Node {
    whisper: Whisper,
    server: Server,
    rpc: RpcServer,
    folder: TempDir,
}

impl Node {
    async fn start() -> Self {
        let whisper = Whisper::new(Config { min_work: Work::ZERO, ..Config::default() });
        let server = p2p_server::Config::new(SecretKey::random(&mut rand::rng()))
            .protocols(whisper.protocols());
        let server = Server::start(server).await.expect("a server without a port");
        let folder = tempfile::tempdir().expect("a folder");
        let free = "127.0.0.1:0".parse().expect("an address");
        let config = RpcConfig {
            http: Some(HttpSettings { addr: free, ..HttpSettings::default() }),
            ws: Some(WsSettings { addr: free, ..WsSettings::default() }),
            ipc: Some(folder.path().join("ipc")),
            limits: RpcLimits { connections: 1024, ..RpcLimits::default() },
            ..RpcConfig::default()
        };
        let rpc = serve(config, whisper.clone(), server.clone()).await.expect("free ports");
        Self { whisper, server, rpc, folder }
    }

    async fn connect(&self, transport: Transport) -> Client {
        Client::connect(transport, &self.rpc).await
    }

    async fn stop(self) {
        self.rpc.stop().await;
        self.server.stop().await;
        self.whisper.stop().await;
        self.folder.close().expect("an empty folder");
    }
}

/// Returns the seconds that all clients took together, and the seconds of each call.
async fn load(node: &Node, transport: Transport, request: &str, calls: usize) -> (f64, Vec<f64>) {
    let mut clients = Vec::new();
    for _ in 0..client_count() {
        clients.push(node.connect(transport).await);
    }
    let clock = Instant::now();
    let mut tasks = JoinSet::new();
    for mut client in clients {
        let request = client.prepare(request);
        tasks.spawn(async move {
            let mut spent = Vec::with_capacity(calls);
            for _ in 0..calls {
                let clock = Instant::now();
                let answer = client.ask(&request).await;
                spent.push(clock.elapsed().as_secs_f64());
                assert!(answer.contains("\"result\""), "{answer}");
            }
            spent
        });
    }
    let spent = tasks.join_all().await.concat();
    (clock.elapsed().as_secs_f64(), spent)
}

/// A request for the messages of a filter without messages, the most frequent request of a polling client.
async fn empty_poll(node: &Node) -> String {
    let key = node.whisper.keys().symmetric_from_password("bench");
    let mut client = node.connect(Transport::Ipc).await;
    let filter = client
        .ask(&format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"shh_newMessageFilter","params":[{{"symKeyID":"{key}","topics":["0x63686174"]}}]}}"#
        ))
        .await;
    let id = filter.split('"').rev().nth(1).expect("an id").to_owned();
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"shh_getFilterMessages","params":["{id}"]}}"#)
}

async fn rates(calls: usize) {
    let node = Node::start().await;
    let messages = empty_poll(&node).await;
    for (transport, name) in
        [(Transport::Http, "http"), (Transport::Ws, "ws"), (Transport::Ipc, "ipc")]
    {
        for (request, what) in [(VERSION, "version"), (messages.as_str(), "messages")] {
            let (seconds, mut spent) = load(&node, transport, request, calls).await;
            #[expect(clippy::cast_precision_loss, reason = "a rate")]
            benches::measured(&format!("rpc.{name}_{what}_rps"), spent.len() as f64 / seconds);
            let p99 = benches::percentile(&mut spent, 0.99) * 1e3;
            benches::measured(&format!("rpc.{name}_{what}_p99_ms"), p99);
        }
    }
    node.stop().await;
}

/// The median time from a post until every subscriber has the message.
async fn subscribers(rounds: usize) {
    let node = Node::start().await;
    let key = node.whisper.keys().symmetric_from_password("bench");
    let subscribe = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"shh_subscribe","params":["messages",{{"symKeyID":"{key}","topics":["0x63686174"]}}]}}"#
    );
    let mut clients = Vec::new();
    for _ in 0..subscribed_connections() {
        let mut client = node.connect(Transport::Ws).await;
        for _ in 0..SUBSCRIPTIONS_PER_CONNECTION {
            client.ask(&subscribe).await;
        }
        clients.push(client);
    }
    let mut spent = Vec::new();
    for _ in 0..rounds {
        let clock = Instant::now();
        let mut receivers = JoinSet::new();
        for mut client in clients.drain(..) {
            receivers.spawn(async move {
                for _ in 0..SUBSCRIPTIONS_PER_CONNECTION {
                    client.next().await;
                }
                client
            });
        }
        let post = Post {
            topic: Topic(*b"chat"),
            payload: vec![7; 100],
            pow_target: 0.0,
            pow_time: Duration::ZERO,
            ..Post::new(Recipient::Symmetric(key))
        };
        node.whisper.post(post).await.expect("the post is accepted");
        clients = receivers.join_all().await;
        spent.push(clock.elapsed().as_secs_f64() * 1e3);
    }
    benches::measured("rpc.subscribers_1000_ms", benches::percentile(&mut spent, 0.5));
    drop(clients);
    node.stop().await;
}

fn printed_figures(_: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let (calls, rounds) = if benches::measuring() { (CALLS, ROUNDS) } else { (2, 1) };
    if benches::wanted("rpc.http_version rpc.ws_version rpc.ipc_version rpc.http_messages") {
        runtime.block_on(rates(calls));
    }
    if benches::wanted("rpc.subscribers_1000_ms") {
        runtime.block_on(subscribers(rounds));
    }
}

criterion_group!(benches, printed_figures);
criterion_main!(benches);

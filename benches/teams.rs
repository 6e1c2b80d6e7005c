//! Two teams that share a node: what one of them does beyond all its quotas must not slow the other down.
//!
//! Team B posts to itself, one message after the other over a WebSocket, and waits for each notification. A pair of runs has B
//! alone and B beside A, which does everything at once that its quotas limit, a hundred times as much. B alone is measured
//! twice in each pair: the spread of the two is what the machine does by itself.
//!
//! Clients would be on other machines, with cores of their own. So those of A are a process that gets the cores only while
//! nothing else wants them, and those of B run on a thread that gets a core at once (where `chrt` may set that). B begins when A
//! has used up its bursts: a minute's quota of work may be used at once, and then takes what B would use, by right. B is alone
//! again when nothing of A is left in the node.

#[path = "rpc/client.rs"]
#[expect(dead_code, reason = "other transports are measured elsewhere")]
mod client;

use std::env;
use std::io::stdin;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::{Command, id};
use std::time::{Duration, Instant};

use benches::NodeProcess;
use criterion::{Criterion, criterion_group};
use p2p_mux::identity::SecretKey;
use p2p_server::Server;
use tokio::runtime::Runtime;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};
use whisper_protocol::{Config, Whisper, Work};
use whisper_rpc::{
    HttpSettings, Quota, Quotas, RpcAccess, RpcConfig, RpcServer, Team, TeamToken, Teams,
    TeamsSettings, Token, WsSettings, serve,
};

use client::{Client, Transport};

/// Number of messages of B in each run: a few seconds, so that what A does when it comes counts little beside what it keeps doing.
const MESSAGES: usize = 10_000;

/// Number of pairs of runs.
const PAIRS: usize = 5;

/// The quotas of A: what an ordinary team needs.
const QUOTAS: [(Quota, u32); 10] = [
    (Quota::Calls, 100),
    (Quota::Bytes, 1_000_000),
    (Quota::Filters, 20),
    (Quota::PostBytes, 1_000_000),
    (Quota::Work, 6),
    (Quota::Trials, 10_000),
    (Quota::MailboxBytes, 1_000_000),
    (Quota::Connections, 16),
    (Quota::History, 600),
    (Quota::OutboxBytes, 1_000_000),
];

/// Says to this program that it is the process of A's clients.
const CLIENTS_OF_A: &str = "CLIENTS_OF_A";

/// The time after which A has used up what its quotas allow at once.
const BURSTS: Duration = Duration::from_secs(5);

/// Number of connections over which A abuses the node, a hundred times its quota counted over the run.
const ABUSERS: usize = 8;

struct Node {
    whisper: Whisper,
    server: Server,
    rpc: RpcServer,
}

fn team(name: &str, quotas: Quotas) -> Team {
    let hash = Token::new(token(name)).expect("a long token").hash();
    let tokens = vec![TeamToken { hash, expires: None }];
    Team { tokens, quotas, ..Team::new(name.parse().expect("a name")) }
}

fn token(name: &str) -> String {
    format!("the-token-of-team-{name}")
}

impl Node {
    async fn start(quotas: Quotas) -> Self {
        let whisper = Whisper::new(Config { min_work: Work::ZERO, ..Config::default() });
        let server = p2p_server::Config::new(SecretKey::random(&mut rand::rng()))
            .protocols(whisper.protocols());
        let server = Server::start(server).await.expect("a server without a port");
        let free = "127.0.0.1:0".parse().expect("an address");
        let teams = vec![team("a", quotas), team("b", Quotas::default())];
        let teams = Teams { teams, ipc: None };
        let config = RpcConfig {
            http: Some(HttpSettings { addr: free, ..HttpSettings::default() }),
            ws: Some(WsSettings { addr: free, ..WsSettings::default() }),
            access: RpcAccess::Teams(TeamsSettings { teams, keeper: None }),
            ..RpcConfig::default()
        };
        let rpc = serve(config, whisper.clone(), server.clone()).await.expect("free ports");
        Self { whisper, server, rpc }
    }

    async fn connect(&self, team: &str) -> Client {
        Client::connect_with(Transport::Ws, &self.rpc, Some(&token(team))).await
    }

    async fn stop(self) {
        self.rpc.stop().await;
        self.server.stop().await;
        self.whisper.stop().await;
    }
}

fn request(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":[{params}]}}"#)
}

/// The result of an answer, which is a string.
fn text(answer: &str) -> String {
    answer.split('"').rev().nth(1).expect("a string").to_owned()
}

/// A post, with a proof of work if `work` is above 0.
fn post(key: &str, work: f64) -> String {
    let message = format!(
        r#"{{"symKeyID":"{key}","topic":"0x63686174","payload":"0x68656c6c6f","ttl":10,"powTarget":{work:?},"powTime":60}}"#
    );
    request("shh_post", &message)
}

fn criteria(key: &str) -> String {
    format!(r#"{{"symKeyID":"{key}","topics":["0x63686174"]}}"#)
}

/// B posts to itself. Returns the messages a second, and the milliseconds from post to delivery of each.
async fn run_b(node: &Node, messages: usize, work: f64) -> (f64, Vec<f64>) {
    let (mut sender, mut receiver) = (node.connect("b").await, node.connect("b").await);
    let key = text(&sender.ask(&request("shh_newSymKey", "")).await);
    let subscribe = format!(r#""messages",{}"#, criteria(&key));
    receiver.ask(&request("shh_subscribe", &subscribe)).await;
    let (message, clock) = (post(&key, work), Instant::now());
    let mut spent = Vec::with_capacity(messages);
    for _ in 0..messages {
        let posted = Instant::now();
        let answer = sender.ask(&message).await;
        assert!(answer.contains("\"result\""), "{answer}");
        receiver.next().await;
        spent.push(posted.elapsed().as_secs_f64() * 1e3);
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let rate = messages as f64 / clock.elapsed().as_secs_f64();
    (rate, spent)
}

/// A asks for everything that its quotas limit, over and over. Refusals are what it gets for most.
async fn abuse(mut client: Client, http: SocketAddr) {
    let key = text(&client.ask(&request("shh_newSymKey", "")).await);
    let calls = [
        request("shh_newMessageFilter", &criteria(&key)),
        post(&key, 0.0),
        post(&key, 1e9),
        request("shh_version", ""),
        request("history_query", r#"{"topics":["0x63686174"]}"#),
    ];
    loop {
        // All at once: a post without end must not hold up the others.
        for call in calls.iter().cycle().take(100) {
            client.send(call).await;
        }
        // A further connection than the quota allows, and answers that are read late.
        let mut extra = Client::over_http(http, Some(&token("a"))).await;
        let version = extra.prepare(&calls[3]);
        extra.send(&version).await;
        for _ in 0..80 {
            if timeout(Duration::from_millis(50), client.next()).await.is_err() {
                break;
            }
        }
    }
}

/// The process of A's clients. `orders`: the node's addresses for WebSocket and for HTTP, and the milliseconds after which it
/// says that B may begin. Ends with its input.
async fn run_a(orders: &str) {
    let [ws, http, bursts] = orders.split(' ').collect::<Vec<_>>()[..] else {
        panic!("not two addresses and a time: {orders}");
    };
    let [ws, http] = [ws, http].map(|addr| addr.parse().expect("an address"));
    let mut abusers = JoinSet::new();
    for _ in 0..ABUSERS {
        abusers.spawn(abuse(Client::over_ws(ws, Some(&token("a"))).await, http));
    }
    sleep(Duration::from_millis(bursts.parse().expect("a number"))).await;
    println!("all quotas are used up");
    let ended = spawn_blocking(|| stdin().lines().count());
    ended.await.expect("the input is read to its end");
}

/// B beside A. Returns what [`run_b`] does.
async fn beside_a(node: &Node, messages: usize, work: f64) -> (f64, Vec<f64>) {
    let [ws, http] = [node.rpc.ws_addr(), node.rpc.http_addr()].map(|addr| addr.expect("it is on"));
    let bursts = if benches::measuring() { BURSTS.as_millis() } else { 0 };
    let mut abusers = NodeProcess::start(CLIENTS_OF_A, &format!("{ws} {http} {bursts}"), &[]);
    assert_eq!(abusers.line(), "all quotas are used up");
    let run = run_b(node, messages, work).await;
    abusers.stop();
    while node.rpc.stats().memory > 0 {
        sleep(Duration::from_millis(10)).await;
    }
    run
}

async fn shares(messages: usize, pairs: usize) {
    let mut quotas = Quotas::default();
    QUOTAS.iter().for_each(|(quota, limit)| quotas.set(*quota, NonZeroU32::new(*limit)));
    let node = Node::start(quotas).await;
    let (mut ratios, mut parts, mut spreads) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..pairs {
        let (rate, mut first) = run_b(&node, messages, 0.0).await;
        let (abused_rate, mut abused) = beside_a(&node, messages, 0.0).await;
        let (later_rate, mut second) = run_b(&node, messages, 0.0).await;
        let [first, abused, second] =
            [&mut first, &mut abused, &mut second].map(|spent| benches::percentile(spent, 0.99));
        let slower = first.max(second);
        spreads.push(slower / first.min(second));
        ratios.push(abused / slower);
        parts.push(2.0 * abused_rate / (rate + later_rate));
    }
    benches::measured("teams.p99_ratio_under_abuse", benches::percentile(&mut ratios, 0.5));
    benches::measured("teams.p99_spread_alone", benches::percentile(&mut spreads, 0.5));
    benches::measured("teams.throughput_share", benches::percentile(&mut parts, 0.5));
    node.stop().await;
}

/// A post of B with some work, while A seals without end and without a quota: its time over its own time.
async fn sealing(posts: usize, pairs: usize) {
    let node = Node::start(Quotas::default()).await;
    let work = if benches::measuring() { 2.0 } else { 0.01 };
    let mut ratios = Vec::new();
    for _ in 0..pairs {
        let (_, mut alone) = run_b(&node, posts, work).await;
        let (_, mut beside) = beside_a(&node, posts, work).await;
        let [alone, beside] =
            [&mut alone, &mut beside].map(|spent| spent.iter().sum::<f64>() / posts as f64);
        ratios.push(beside / alone);
    }
    benches::measured("teams.post_beside_endless_times", benches::percentile(&mut ratios, 0.5));
    node.stop().await;
}

/// Lets the kernel schedule this process with `chrt`. Says so if it cannot: then clients and the node wait for each other's cores.
fn schedule(arguments: &[&str]) {
    let status = Command::new("chrt").args(arguments).arg(id().to_string()).status();
    if !status.is_ok_and(|status| status.success()) {
        eprintln!(
            "teams: no `chrt`, or no right to {arguments:?}: the figures are worse than they are"
        );
    }
}

fn printed_figures(_: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    // This thread only: the threads of the node exist, and new ones are not like it.
    schedule(&["--reset-on-fork", "--fifo", "--pid", "1"]);
    let (messages, posts, pairs) =
        if benches::measuring() { (MESSAGES, 50, PAIRS) } else { (2, 1, 1) };
    if benches::wanted("teams.p99_ratio_under_abuse teams.throughput_share") {
        runtime.block_on(shares(messages, pairs));
    }
    if benches::wanted("teams.post_beside_endless_times") {
        runtime.block_on(sealing(posts, pairs));
    }
}

criterion_group!(layer, printed_figures);

fn main() {
    if let Ok(orders) = env::var(CLIENTS_OF_A) {
        schedule(&["--idle", "--pid", "0"]);
        return Runtime::new().expect("a runtime").block_on(run_a(&orders));
    }
    layer();
    Criterion::default().configure_from_args().final_summary();
}

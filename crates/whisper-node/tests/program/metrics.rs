//! The metrics, read over HTTP like Prometheus does.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use p2p_identity::SecretKey;
use p2p_mux::Protocol;
use p2p_server::{Config, DialFailReason, Event, InboundFailReason, RefuseReason, Server};
use p2p_world::SystemWorld;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use whisper_archive::{EmbeddedArchive, Retention};
use whisper_envelope::Unsealed;
use whisper_node::{KeptFiles, metrics::Sources};
use whisper_protocol::{Archive as _, Topic, Whisper, Work};
use whisper_rpc::RpcConfig;

use crate::reload::call;
use crate::running::{PROGRAM, Running};

/// A running node.
pub(crate) struct Node {
    pub(crate) enode: String,
    http: String,
    metrics: String,
    _program: Running,
    datadir: tempfile::TempDir,
}

impl Node {
    pub(crate) fn start(more: &[&str]) -> Self {
        let datadir = tempfile::tempdir().unwrap();
        let mut command = Command::new(PROGRAM);
        command
            .arg("--datadir")
            .arg(datadir.path())
            .args(["--addr", "127.0.0.1", "--port", "0", "--http.port", "0", "--ws.port", "0"])
            .args(["--http.api", "admin,debug,net,shh,web3", "--verbosity", "1"])
            .args(more);
        let mut program = Running::start(&mut command);
        let mut value = |name| program.value(name).trim_start_matches("http://").to_owned();
        let enode = value("enode");
        let http = value("HTTP");
        value("WebSocket");
        value("IPC");
        value("access");
        let metrics = value("metrics");
        Self { enode, http, metrics, _program: program, datadir }
    }

    /// The address for peers.
    fn peer_addr(&self) -> &str {
        self.enode.split(['@', '?']).nth(1).unwrap()
    }

    /// Sends `request` unchanged. Returns the status line and the body of the response.
    fn raw(addr: &str, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    pub(crate) fn get(&self, path: &str) -> (String, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Self::raw(&self.metrics, &request)
    }

    /// All samples by name and labels.
    fn scrape(&self) -> BTreeMap<String, f64> {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, "HTTP/1.1 200 OK");
        let samples = body.lines().filter(|line| !line.starts_with('#'));
        let parse = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        };
        samples.map(parse).collect()
    }

    /// Calls a method that returns a string.
    pub(crate) fn call(&self, method: &str, params: &str) -> String {
        let body = self.answer(method, params);
        let (_, rest) = body.split_once("\"result\":\"").unwrap_or_else(|| panic!("{body}"));
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// The whole JSON response to a call.
    fn answer(&self, method: &str, params: &str) -> String {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let request = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, body) = Self::raw(&self.http, &request);
        assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
        body
    }
}

#[test]
fn counters_and_gauges_follow_a_post() {
    let node = Node::start(&["--metrics", "--metrics.port", "0", "--shh.pow", "0"]);
    let before = node.scrape();
    for name in ["whisper_pool_envelopes", "rpc_calls_total", "p2p_peers"] {
        assert_eq!(before[name], 0.0, "{name}");
    }
    assert_eq!(before["whisper_envelopes_posted_total"], 0.0);

    let key = node.call("shh_newSymKey", "[]");
    let post = format!(
        r#"[{{"symKeyID":"{key}","topic":"0x5a4ea131","ttl":50,"powTime":1,"powTarget":0,"payload":"0x00"}}]"#
    );
    node.call("shh_post", &post);

    let after = node.scrape();
    assert_eq!(after["rpc_calls_total"], 2.0);
    assert_eq!(after["whisper_pool_envelopes"], 1.0);
    assert_eq!(after["whisper_envelopes_posted_total"], 1.0);
    assert!(after["whisper_pool_bytes"] > 256.0);
}

#[tokio::test]
async fn the_counts_of_a_connection_remain_after_its_end() {
    let whisper = Whisper::new(whisper_protocol::Config {
        min_work: Work::ZERO,
        ..whisper_protocol::Config::default()
    });
    let config = || Config::new(SecretKey::random(&mut rand::rng())).listen("127.0.0.1:0");
    let server = Server::start(config().protocols(whisper.protocols())).await.unwrap();
    let mut events = server.events();
    let rpc = RpcConfig { http: None, ws: None, ..RpcConfig::default() };
    let rpc = whisper_rpc::serve(rpc, whisper.clone(), server.clone()).await.unwrap();
    let (of_whisper, of_server) = (whisper.clone(), server.clone());
    let world = SystemWorld::shared();
    let files = KeptFiles::default();
    let sources =
        Sources { whisper: of_whisper, server: of_server, rpc: rpc.meter(), files, world };

    // It waits for the status packet of the node, and disconnects.
    let brief = Protocol::new("shh", 6, 128, |_, mut channel| async move {
        channel.recv().await;
        Ok(())
    });
    let peer = config().protocol(brief).static_node(server.enode());
    let peer = Server::start(peer).await.unwrap();
    while !matches!(events.next().await.unwrap(), Event::Dropped { .. }) {}
    peer.stop().await;
    let text = sources.render();
    let sent = r#"p2p_code_messages_total{protocol="shh/6",code="0",direction="out"}"#;
    let sent = text.lines().find_map(|line| line.strip_prefix(sent)).unwrap();
    assert!(sent.trim().parse::<u64>().unwrap() > 0, "the status");
    assert!(text.contains("\np2p_peers_dropped_total "), "{text}");
    rpc.stop().await;
    server.stop().await;
    whisper.stop().await;
}

#[tokio::test]
async fn an_idle_client_does_not_delay_the_stop() {
    let whisper = Whisper::new(whisper_protocol::Config::default());
    let server = Server::start(Config::new(SecretKey::random(&mut rand::rng()))).await.unwrap();
    let rpc = RpcConfig { http: None, ws: None, ..RpcConfig::default() };
    let rpc = whisper_rpc::serve(rpc, whisper.clone(), server.clone()).await.unwrap();
    let world = SystemWorld::shared();
    let files = KeptFiles::default();
    let sources = Sources { whisper, server: server.clone(), rpc: rpc.meter(), files, world };
    let metrics = whisper_node::metrics::serve("127.0.0.1:0".parse().unwrap(), sources);
    let metrics = metrics.await.unwrap();
    let mut idle = tokio::net::TcpStream::connect(metrics.addr()).await.unwrap();
    // One answered request shows that the connection before it is accepted.
    let mut other = tokio::net::TcpStream::connect(metrics.addr()).await.unwrap();
    other.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    other.read_to_end(&mut Vec::new()).await.unwrap();

    // From here on, the clock of the test moves only when every task waits for it.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    metrics.stop().await;
    assert!(start.elapsed() < Duration::from_secs(1), "it waited for the client");
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0, "the connection is closed");
    tokio::time::resume();
    rpc.stop().await;
    server.stop().await;
}

#[test]
fn junk_on_the_discovery_port_is_counted_with_its_reason() {
    let node = Node::start(&["--metrics", "--metrics.port", "0"]);
    let info = node.answer("admin_nodeInfo", "[]");
    let port = info.split("\"discovery\":").nth(1).unwrap();
    let port: u16 = port.split([',', '}']).next().unwrap().trim().parse().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dropped = |node: &Node| node.scrape()[r#"discv4_dropped_total{reason="size"}"#];
    assert_eq!(dropped(&node), 0.0);
    socket.send_to(b"junk", ("127.0.0.1", port)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while dropped(&node) == 0.0 {
        assert!(Instant::now() < deadline, "the packet is not counted");
    }
    // More than one is possible: a node of another test may still know the port by another node.
    assert!(node.scrape()[r#"discv4_datagrams_total{direction="in"}"#] >= 1.0);
}

/// The names of all reasons, and the metric that counts each.
fn reasons() -> Vec<(String, String)> {
    let named = |group: &str, metric: &str, names: &[&str]| {
        let names = names.iter();
        let pair = |name| (format!("{group}.{name}"), format!("{metric}{{reason=\"{name}\"}}"));
        names.map(pair).collect::<Vec<_>>()
    };
    let discovery = p2p_server::p2p_discovery::DropReason::ALL.map(|reason| reason.name());
    let mut all = [
        named("refused", "p2p_refused_total", &RefuseReason::ALL.map(RefuseReason::name)),
        named(
            "inbound",
            "p2p_inbound_failures_total",
            &InboundFailReason::ALL.map(InboundFailReason::name),
        ),
        named("dial", "p2p_dial_failures_total", &DialFailReason::ALL.map(DialFailReason::name)),
        named("discovery", "discv4_dropped_total", &discovery),
    ]
    .concat();
    for (name, metric) in [
        ("inbound.accept_error", "p2p_accept_errors_total"),
        ("peer.expelled", "p2p_peers_expelled_total"),
        ("peer.evicted", "p2p_peers_evicted_total"),
        ("peer.memory", "p2p_memory_cut_total"),
        ("found.banned", r#"p2p_found_skipped_total{reason="banned"}"#),
        ("found.not_allowed", r#"p2p_found_skipped_total{reason="not_allowed"}"#),
        ("nat.silent", r#"p2p_nat_failures_total{reason="silent"}"#),
        ("rpc.host", r#"rpc_refused_total{reason="host"}"#),
        ("rejected.low_work", r#"whisper_envelopes_rejected_total{reason="low_work"}"#),
    ] {
        all.push((name.to_owned(), metric.to_owned()));
    }
    all
}

#[test]
fn every_reason_is_in_debug_drops_and_in_the_metrics() {
    let node = Node::start(&["--metrics", "--metrics.port", "0"]);
    let mut client = TcpStream::connect(node.peer_addr()).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_or_default(), 0, "closed");
    let deadline = Instant::now() + Duration::from_secs(30);
    while node.scrape()[r#"p2p_inbound_failures_total{reason="http"}"#] < 1.0 {
        assert!(Instant::now() < deadline, "the failure is not counted");
    }
    let (answer, metrics) = (node.answer("debug_drops", "[]"), node.scrape());
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let drops = answer["result"].as_array().unwrap();
    for (reason, metric) in reasons() {
        let listed = drops.iter().find(|dropped| dropped["reason"] == reason.as_str());
        let listed = listed.unwrap_or_else(|| panic!("{reason}"));
        let counted = metrics.get(&metric).unwrap_or_else(|| panic!("{metric}"));
        let expected = f64::from(u8::from(reason == "inbound.http"));
        // Other tests may send packets to the port for discovery.
        if !reason.starts_with("discovery.") {
            assert_eq!(
                (listed["count"].as_f64().unwrap(), *counted),
                (expected, expected),
                "{reason}"
            );
        }
    }
    let http = drops.iter().find(|dropped| dropped["reason"] == "inbound.http").unwrap();
    let address = http["last"][0]["address"].as_str().unwrap();
    assert_eq!(address, client.local_addr().unwrap().to_string());
    assert!(http["last"][0]["detail"].as_str().unwrap().contains("HTTP"), "{http}");
}

#[test]
fn other_requests_are_refused() {
    let node = Node::start(&["--metrics", "--metrics.port", "0"]);
    assert_eq!(node.get("/debug/metrics/prometheus").0, "HTTP/1.1 200 OK");
    assert_eq!(node.get("/").0, "HTTP/1.1 200 OK");
    assert_eq!(node.get("/live").0, "HTTP/1.1 400 Bad Request");
    assert_eq!(node.get("/else").0, "HTTP/1.1 404 Not Found");
    let ask = |request: &str| Node::raw(&node.metrics, request).0;
    let rebound = "GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert_eq!(ask(rebound), "HTTP/1.1 403 Forbidden");
    let post = "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(ask(post), "HTTP/1.1 405 Method Not Allowed");
    let long =
        format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(99_999));
    assert_eq!(ask(&long), "HTTP/1.1 431 Request Header Fields Too Large");
}

#[test]
fn the_metrics_are_off_by_default() {
    assert_eq!(Node::start(&[]).metrics, "off");
}

#[test]
fn health_and_readiness_tell_the_truth() {
    let node = Node::start(&["--metrics", "--metrics.port", "0", "--nodiscover"]);
    assert_eq!(node.get("/healthz").0, "HTTP/1.1 200 OK");
    let (status, body) = node.get("/readyz");
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(body, "not ready: 0 peers, 1 are needed\n");
    assert_eq!(node.get("/readyz?peers=0").0, "HTTP/1.1 200 OK");
    assert_eq!(node.get("/readyz?peers=x").0, "HTTP/1.1 400 Bad Request");
    // The port of JSON-RPC is no health check.
    let get = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(Node::raw(&node.http, get).0, "HTTP/1.1 405 Method Not Allowed");
}

/// Makes an archive with envelopes of one topic, of which one cannot be read: as if the disk had changed a byte.
fn make_damaged_archive(path: &Path) {
    let topic = Topic([1, 2, 3, 4]);
    let sent = |number| Unsealed::v6(1_700_000_050, 50, topic, &[0; 64]).seal(number);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let opened = EmbeddedArchive::open(SystemWorld::shared(), path, Retention::default());
        let (archive, _) = opened.unwrap();
        archive.append((0..9).map(sent).collect()).await.unwrap();
        archive.close().await;
    });
    let (mut content, damaged) = (fs::read(path).unwrap(), sent(4));
    let raw = &damaged.raw()[..];
    let place = content.windows(raw.len()).position(|bytes| bytes == raw).unwrap();
    content[place] = 0x80;
    fs::write(path, content).unwrap();
}

#[test]
fn damage_that_is_found_while_the_node_runs_is_told_and_moved_aside_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("archive");
    make_damaged_archive(&path);
    let archive = dir.path().to_str().unwrap();
    let flags = ["--metrics", "--metrics.port", "0", "--nodiscover", "--archive", archive];
    let metric = r#"whisper_file_damaged{file="archive"}"#;
    let query = |node: &Node| {
        let criteria = json!([{ "topics": ["0x01020304"], "limit": 1000 }]);
        call(node.datadir.path(), "history_query", &criteria)
    };
    let node = Node::start(&flags);
    assert_eq!((node.scrape()[metric], &*node.get("/readyz?peers=0").0), (0.0, "HTTP/1.1 200 OK"));

    let answer = query(&node);
    let (status, body) = node.get("/readyz?peers=0");
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable", "{answer}");
    assert_eq!(
        body,
        "not ready: a file of the node is damaged (archive): its log says what to do\n"
    );
    assert_eq!(node.scrape()[metric], 1.0);
    drop(node);

    let node = Node::start(&flags);
    assert_eq!((node.scrape()[metric], &*node.get("/readyz?peers=0").0), (0.0, "HTTP/1.1 200 OK"));
    assert!(dir.path().join("archive.damaged-1").exists());
    let answer = query(&node);
    assert_eq!(answer["result"]["caughtUp"], true, "{answer}");
}

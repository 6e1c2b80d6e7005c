//! `whisper-node doctor` finds misconfigurations that are planted here, one after another.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use p2p_identity::{Content, NodeId, Record, SecretKey};
use p2p_server::p2p_discovery::{Discv4, Discv4Config, NetworkId};
use p2p_world::{ClockedWorld, SystemWorld};
use serde_json::Value;

use crate::running::{PROGRAM, Running};

/// A configuration for which nothing but the stopped node is found.
const HEALTHY: &str = "addr = \"127.0.0.1\"\nport = 0\nhttp.port = 0\nws.port = 0\n";

/// A data directory and its configuration.
struct Planted {
    dir: tempfile::TempDir,
}

impl Planted {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("whisper-node.toml"), format!("{HEALTHY}{text}")).unwrap();
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn doctor(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["doctor", "--json", "--datadir"]).arg(self.path());
        command
    }

    /// Starts the node.
    fn start(&self) -> (Running, String) {
        let mut command = Command::new(PROGRAM);
        command.stderr(std::process::Stdio::null());
        let mut node = Running::start(command.arg("--datadir").arg(self.path()));
        let enode = node.value("enode");
        (node, enode)
    }

    /// The doctor finds what contains the text, and says what to do with the other text.
    #[track_caller]
    fn finds(&self, what: &str, to_do: &str) {
        finds(&mut self.doctor(), what, to_do);
    }
}

#[track_caller]
fn finds(doctor: &mut Command, what: &str, to_do: &str) {
    let output = doctor.output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let all = found.as_array().unwrap();
    let finding = all.iter().find(|finding| text(finding, "what").contains(what));
    let finding = finding.unwrap_or_else(|| panic!("{what} is not in {found:#}"));
    assert!(text(finding, "do").contains(to_do), "{finding}");
    let is_error = all.iter().any(|finding| finding["level"] == "error");
    assert_eq!(output.status.success(), !is_error, "{found:#}");
}

/// The enode URL of a node with this key at a port where nothing is.
fn nowhere(id: NodeId) -> String {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("enode://{id}@127.0.0.1:{free}")
}

fn key(n: u8) -> SecretKey {
    SecretKey::from_bytes(&[n; 32]).unwrap()
}

#[test]
fn a_healthy_node_has_no_finding_but_that_it_does_not_run() {
    let planted = Planted::new("nodiscover = true\nnodial = true\n");
    let output = planted.doctor().output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 2, "{found:#}");
    planted.finds("the node does not run", "start it");
    planted.finds("nodial is set", "remove it");
    let text = Command::new(PROGRAM).args(["doctor", "--datadir"]).arg(planted.path()).output();
    let text = String::from_utf8(text.unwrap().stdout).unwrap();
    assert!(text.contains("warning: nodial is set") && text.ends_with("2 findings\n"), "{text}");
}

#[test]
fn the_configuration_contradicts_itself() {
    let other = nowhere(key(2).id());
    let statics = format!("staticnodes = [\"{other}\"]\n");
    let with = |more: &str| Planted::new(&format!("{statics}{more}"));
    with("netrestrict = [\"10.0.0.0/8\"]\n").finds("netrestrict excludes", "netrestrict");
    with("ban = [\"127.0.0.0/8\"]\n").finds("ban excludes", "remove it from one");
    let allow = format!("allow = [\"{}\"]\n", key(3).id());
    with(&allow).finds("allow does not list", &key(2).id().to_string());
    let own = format!("nodekeyhex = \"{}\"\n", "02".repeat(32));
    with(&own).finds("the key of this node is that of", "a key of its own");
    Planted::new("nodiscover = true\n").finds("discovery is off", "remove nodiscover");
    Planted::new("").finds("bootnodes and staticnodes are empty", "name one or two nodes");
    Planted::new("shh.pow = 5.0\n").finds("demands a work of 5 (shh.pow)", "set shh.pow to 0.2");
    Planted::new("shh.maxmessagesize = 1000\n").finds("more than 1000 bytes", "set shh.max");
    Planted::new("shh.filtered = true\n").finds("the bloom filter of this node", "make a filter");
    Planted::new("prot = 1\n").finds("did you mean port?", "config check");

    let v6 = Planted::new(&statics);
    let file = v6.path().join("whisper-node.toml");
    let text = fs::read_to_string(&file).unwrap().replace("addr = \"127.0.0.1\"", "addr = \"::1\"");
    fs::write(&file, text).unwrap();
    v6.finds("listens on IPv6 only", "add an IPv4 address");
}

#[test]
fn this_machine_is_not_ready() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let replace = |from: &str, to: &str| {
        let planted = Planted::new("nodiscover = true\n");
        let file = planted.path().join("whisper-node.toml");
        fs::write(&file, fs::read_to_string(&file).unwrap().replace(from, to)).unwrap();
        planted
    };
    let taken = replace("\nport = 0", &format!("\nport = {port}"));
    taken.finds(&format!("127.0.0.1:{port} (port) cannot be used"), "choose another port");
    let taken = replace("http.port = 0", &format!("http.port = {port}"));
    taken.finds("(http.port) cannot be used", "choose another http.port");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp_port = udp.local_addr().unwrap().port();
    Planted::new(&format!("discovery.port = {udp_port}\n"))
        .finds("(discovery.port) cannot be used", "choose another discovery.port");

    // No user can make a file there.
    let mut doctor = Command::new(PROGRAM);
    doctor.args(["doctor", "--json", "--datadir", "/proc/whisper-node"]);
    finds(
        &mut doctor,
        "the data directory /proc/whisper-node cannot be written",
        "another datadir",
    );

    let planted = Planted::new("");
    let mut limited = Command::new("sh");
    limited.args([
        "-c",
        "ulimit -n 64; exec \"$0\" \"$@\"",
        PROGRAM,
        "doctor",
        "--json",
        "--datadir",
    ]);
    finds(limited.arg(planted.path()), "this process may open 64 files", "ulimit -n 356");

    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    let file = |name: &str| tls.join(name).display().to_string();
    let certificate = |cert: &str| {
        let (cert, key) = (file(cert), file("key.pem"));
        Planted::new(&format!("rpc.tls-cert = \"{cert}\"\nrpc.tls-key = \"{key}\"\n"))
    };
    certificate("expired.pem").finds("expired.pem has expired", "renew the certificate");
    certificate("key.pem").finds("key.pem has no certificate in PEM form", "rpc.tls-cert");
}

#[test]
fn the_nodes_that_it_knows_do_not_answer() {
    let absent = nowhere(key(2).id());
    Planted::new(&format!("staticnodes = [\"{absent}\"]\n"))
        .finds("the static node", "open its TCP port in the firewall");
    Planted::new(&format!("bootnodes = [\"{absent}\"]\n"))
        .finds("cannot be used: no answer over UDP", "open its UDP port in the firewall");
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    Planted::new(&format!("proxy = \"socks5://{proxy}\"\n"))
        .finds(&format!("the proxy {proxy} cannot be reached"), "start it");

    // A node is there, with another key than its URL says.
    let other = Planted::new("nodiscover = true\n");
    let (_node, enode) = other.start();
    let wrong = format!("enode://{}@{}", key(3).id(), enode.split('@').nth(1).unwrap());
    Planted::new(&format!("staticnodes = [\"{wrong}\"]\n"))
        .finds("cannot be reached: the handshake failed", "correct it in staticnodes");
    let right = Planted::new(&format!("staticnodes = [\"{enode}\"]\n"));
    let output = right.doctor().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// A boot node whose clock is off by this time.
async fn boot_node(key: SecretKey, network: Option<u64>, clock: Duration) -> Discv4 {
    let network = network.map(NetworkId);
    let content = Content::new().ip([127, 0, 0, 1].into());
    let content = network.iter().fold(content, |content, id| content.set("net", id));
    let record = Record::sign(&key, 1, &content).unwrap();
    let mut config = Discv4Config::new();
    config.network = network;
    let world = ClockedWorld::shared(SystemWorld::shared(), move || SystemTime::now() + clock);
    let socket = world.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    Discv4::start_in(world, socket, config, key, &record).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boot_node_is_of_another_network_or_has_another_key_or_another_time() {
    let node = boot_node(key(5), Some(8), Duration::ZERO).await;
    let enode = node.enode().to_string();
    let find = |text: String, what: &'static str, to_do: &'static str| {
        tokio::task::spawn_blocking(move || Planted::new(&text).finds(what, to_do))
    };
    let text = format!("networkid = 7\nbootnodes = [\"{enode}\"]\n");
    find(text, "it is of another network: its record names network 8", "bootnodes").await.unwrap();
    let wrong = enode.replace(&key(5).id().to_string(), &key(6).id().to_string());
    let text = format!("networkid = 8\nbootnodes = [\"{wrong}\"]\n");
    find(text, "a node with another key answers at its address", "bootnodes").await.unwrap();
    node.stop().await;

    let node = boot_node(key(7), None, Duration::from_secs(3600)).await;
    let text = format!("bootnodes = [\"{}\"]\n", node.enode());
    find(text, "the clock of this machine is about", "keep it right with NTP").await.unwrap();
    node.stop().await;
}

#[test]
fn a_running_node_has_no_messages() {
    let (one, other) = (Planted::new("shh.pow = 5.0\nshh.filtered = true\n"), Planted::new(""));
    let (_one, enode) = one.start();
    let file = other.path().join("whisper-node.toml");
    let anywhere = HEALTHY.replace("addr = \"127.0.0.1\"", "addr = \"0.0.0.0\"");
    fs::write(&file, format!("{anywhere}nodiscover = true\nstaticnodes = [\"{enode}\"]\n"))
        .unwrap();
    let mut command = Command::new(PROGRAM);
    let log = command.arg("--datadir").arg(other.path());
    let (mut node, log) = crate::running::Log::of(log);
    node.value("enode");
    log.line(&["peer connected"], std::time::Instant::now() + Duration::from_secs(30));
    other.finds("demands a work of 5; messages with 0.2", "lower its shh.pow");
    // The node that nothing has connected to.
    other.finds("no other node has connected to this one", "open the port");
}

#[test]
fn a_node_refuses_the_token() {
    let planted = Planted::new(
        "nodiscover = true\nnodial = true\nrpc.token-file = \"TOKEN\"\nhttp.api = [\"admin\", \"debug\", \"shh\"]\n",
    );
    let token: PathBuf = planted.path().join("token");
    let file = planted.path().join("whisper-node.toml");
    let text = fs::read_to_string(&file).unwrap().replace("TOKEN", token.to_str().unwrap());
    fs::write(&file, text).unwrap();
    let (mut node, _) = planted.start();
    let http = node.value("HTTP");
    let wrong = planted.path().join("wrong");
    fs::write(&wrong, "no token").unwrap();
    let mut doctor = planted.doctor();
    doctor.args(["--rpc", &http, "--rpc.token-file"]).arg(&wrong);
    finds(&mut doctor, "the node does not answer", "give the token of the node");
    let mut doctor = planted.doctor();
    finds(doctor.args(["--rpc", &http]), "the node has no peer", "see the other findings");
}

//! `whisper-node run`: what it prints, how it stops, and its errors.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use std::{fs, net::TcpListener};

use crate::running::{Log, PROGRAM, Running};

/// A node on free ports, with its data in `datadir`.
fn command(datadir: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--datadir"]).arg(datadir);
    command.args([
        "--addr",
        "127.0.0.1",
        "--port",
        "0",
        "--http.port",
        "0",
        "--ws.port",
        "0",
        "--verbosity",
        "1",
    ]);
    command
}

fn start(datadir: &Path, more: &[&str]) -> Running {
    Running::start(command(datadir).args(more))
}

/// The error of a node that cannot start.
fn failure(datadir: &Path, more: &[&str]) -> String {
    let Output { status, stdout, stderr } = command(datadir).args(more).output().unwrap();
    assert!(!status.success());
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn it_prints_its_addresses_keeps_its_key_and_stops_on_a_signal() {
    let datadir = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    for signal in ["-INT", "-TERM"] {
        let mut node = start(datadir.path(), &[]);
        let enode = node.value("enode");
        ids.push(enode.split_once('@').unwrap().0.to_owned());
        assert!(enode.starts_with("enode://") && enode.contains("@127.0.0.1:"), "{enode}");
        assert!(node.value("HTTP").starts_with("http://127.0.0.1:"));
        assert!(node.value("WebSocket").starts_with("ws://127.0.0.1:"));
        let socket = datadir.path().join("whisper-node.ipc");
        assert_eq!(node.value("IPC"), socket.display().to_string());
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(node.value("access").ends_with("no token, no TLS"));
        let (rest, success) = node.signal(signal);
        assert!(success && rest.ends_with("stopping\n"), "{rest:?}");
        assert!(!socket.exists());
    }
    assert_eq!(ids[0], ids[1], "the key was kept");
    let key = fs::metadata(datadir.path().join("nodekey")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[test]
#[cfg(target_os = "linux")] // Other systems have only one loopback address.
fn it_listens_on_each_given_address() {
    // The system chose the port for one address; it is most likely free on the other one too.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let datadir = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg("--datadir").arg(datadir.path()).args(["--addr", "127.0.0.1,127.0.0.2"]);
    command.args(["--port", &port, "--http=false", "--ws=false", "--verbosity", "1"]);
    let mut node = Running::start(&mut command);
    assert!(node.value("enode").contains(&format!("@127.0.0.1:{port}")));
    for addr in ["127.0.0.1", "127.0.0.2"] {
        std::net::TcpStream::connect(format!("{addr}:{port}")).unwrap();
    }
    assert!(node.signal("-INT").1);
}

#[test]
fn servers_that_are_off_are_printed_as_off() {
    let datadir = tempfile::tempdir().unwrap();
    let mut node = start(datadir.path(), &["--http=false", "--ws=false", "--ipcdisable"]);
    node.value("enode");
    for server in ["HTTP", "WebSocket", "IPC"] {
        assert_eq!(node.value(server), "off");
    }
    assert_eq!(node.value("access"), "none");
    assert!(node.signal("-INT").1);
}

#[test]
fn the_token_and_tls_are_used() {
    let datadir = tempfile::tempdir().unwrap();
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls");
    let file = |name: &str| tls.join(name).display().to_string();
    let token = datadir.path().join("token");
    let secured = ["--rpc.tls-cert", &file("cert.pem"), "--rpc.tls-key", &file("key.pem")];
    let mut more = vec!["--rpc.token-file", token.to_str().unwrap(), "--ipcpath", "other.ipc"];
    more.extend(secured);
    let mut node = start(datadir.path(), &more);
    node.value("enode");
    assert!(node.value("HTTP").starts_with("https://127.0.0.1:"));
    assert!(node.value("WebSocket").starts_with("wss://127.0.0.1:"));
    assert_eq!(node.value("IPC"), datadir.path().join("other.ipc").display().to_string());
    assert!(node.value("access").ends_with(", token, TLS"));
    assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);

    // Another node with the same socket, and a key that does not belong to the certificate.
    let (elsewhere, socket) = (tempfile::tempdir().unwrap(), datadir.path().join("other.ipc"));
    let second = failure(elsewhere.path(), &["--ipcpath", socket.to_str().unwrap()]);
    assert!(second.contains("another running node uses"), "{second}");
    let mismatch = ["--rpc.tls-cert", &file("cert.pem"), "--rpc.tls-key", &file("other-key.pem")];
    let mismatch = failure(elsewhere.path(), &mismatch);
    assert!(mismatch.contains("--rpc.tls-key"), "{mismatch}");
    assert!(node.signal("-INT").1);
}

#[test]
fn a_taken_port_is_an_error_that_names_the_flag() {
    let datadir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for flag in ["--port", "--http.port", "--ws.port"] {
        // A flag must not be given twice, so the port 0 is given only to the other flags.
        let others = ["--port", "--http.port", "--ws.port"].iter().filter(|other| **other != flag);
        let mut command = Command::new(PROGRAM);
        command.arg("--datadir").arg(datadir.path()).args([
            "--addr",
            "127.0.0.1",
            "--verbosity",
            "1",
            flag,
            &port,
        ]);
        for other in others {
            command.args([other, "0"]);
        }
        let output = command.output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{error}");
        assert!(error.contains(flag) && error.contains(&port), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn an_error_is_one_line_that_names_the_flag() {
    let datadir = tempfile::tempdir().unwrap();
    let not_a_key = datadir.path().join("bad");
    fs::write(&not_a_key, "xyz").unwrap();
    let not_a_key = not_a_key.to_str().unwrap();
    let zero = "0".repeat(64);
    for (flags, word) in [
        (&["--nodekey", not_a_key][..], "does not contain a key"),
        (&["--nodekey", "/nonexistent/key"], "no key file /nonexistent/key"),
        (&["--nodekeyhex", &zero], "--nodekeyhex"),
        (
            &["--proxy", "socks5://me:hunter2@"],
            "--proxy is not the URL of a proxy: not of the form",
        ),
        (&["--shh.pow=-1"], "--shh.pow"),
        (&["--shh.pow", "NaN"], "--shh.pow"),
        (&["--shh.maxmessagesize", "10485761"], "--shh.maxmessagesize"),
    ] {
        let error = failure(datadir.path(), flags);
        assert!(error.contains(word) && error.lines().count() == 1, "{flags:?}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let error = failure(Path::new("/dev/null/x"), &[]);
    assert!(error.contains("--datadir"), "{error}");
}

#[test]
fn the_demonstration_succeeds() {
    let output = Command::new(PROGRAM).arg("demo").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && printed.contains("carl  opens it"), "{printed}");
}

/// The second process would have the same identity as the first.
#[test]
fn a_data_directory_is_used_by_one_node() {
    let datadir = tempfile::tempdir().unwrap();
    let alone = ["--nodiscover", "--ipcdisable"];
    let mut node = start(datadir.path(), &alone);
    node.value("enode");
    let second = failure(datadir.path(), &alone);
    assert!(second.contains("data directory") && second.contains("in use"), "{second}");
    assert_eq!(second.lines().count(), 1, "{second}");
    assert!(node.signal("-INT").1);
    let mut again = start(datadir.path(), &alone);
    again.value("enode");
    // A program that is started by `nohup`, as these tests may be, goes on ignoring SIGHUP.
    let signal = if ignores_hangup() { "-TERM" } else { "-HUP" };
    assert!(again.signal(signal).1, "SIGHUP stops like the other signals");
}

/// Whether this process, and so every program that it starts, ignores SIGHUP. Only Linux tells it.
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 1 != 0)
}

/// The directory under another name, and the key of a boot node.
#[test]
fn a_data_directory_is_used_by_one_node_whatever_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (datadir, link) = (folder.path().join("data"), folder.path().join("link"));
    fs::create_dir(&datadir).unwrap();
    std::os::unix::fs::symlink(&datadir, &link).unwrap();
    let alone = ["--nodiscover", "--ipcdisable"];
    let mut node = start(&datadir, &alone);
    node.value("enode");
    for other in [&link, &datadir.join("../data")] {
        let second = failure(other, &alone);
        assert!(second.contains("in use"), "{second}");
    }
    let boot = |datadir: &Path| {
        let mut command = Command::new(PROGRAM);
        command.args(["bootnode", "--addr", "127.0.0.1", "--port", "0", "--datadir"]).arg(datadir);
        command
    };
    // A boot node has a key of its own.
    let mut first = Running::start(boot(&datadir).args(["--verbosity", "1"]));
    first.value("enode");
    let second = boot(&link).output().unwrap();
    let error = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success() && error.contains("in use"), "{error}");
    assert!(first.signal("-TERM").1 && node.signal("-TERM").1);
}

#[test]
fn a_key_file_that_others_may_read_is_warned_of_and_a_pipe_is_refused() {
    let datadir = tempfile::tempdir().unwrap();
    let key = datadir.path().join("key");
    fs::write(&key, "11".repeat(32)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    // The port is taken, so that the program ends.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = |mode: u32| {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("--datadir").arg(datadir.path()).arg("--nodekey").arg(&key);
        command.args(["--addr", "127.0.0.1", "--port", &port, "--nodiscover", "--ipcdisable"]);
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    let warned = run(0o644);
    assert!(warned.contains("chmod 600") && warned.contains("0644"), "{warned}");
    assert!(!run(0o600).contains("chmod"));

    let pipe = datadir.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.to_str().unwrap();
    let secured = ["--rpc.tls-cert", pipe, "--rpc.tls-key", pipe];
    for flags in [&["--nodekey", pipe][..], &["--rpc.token-file", pipe], &secured] {
        let refused = failure(datadir.path(), flags);
        assert!(refused.contains("not a regular file"), "{refused}");
    }
}

/// The reader of standard output goes after the banner, as in `whisper-node | head -1`.
#[tokio::test]
async fn a_node_without_standard_output_runs_on_and_says_farewell() {
    use p2p_mux::{CloseReason, DisconnectReason};
    use p2p_server::{Config, Event, Server};
    let whisper = whisper_protocol::Whisper::new(whisper_protocol::Config::default());
    let config = Config::new(p2p_identity::SecretKey::random(&mut rand::rng()));
    let config = config.listen("127.0.0.1:0").protocols(whisper.protocols());
    let peer = Server::start(config).await.unwrap();
    let mut events = peer.events();

    let (datadir, enode) = (tempfile::tempdir().unwrap(), peer.enode().to_string());
    let mut node =
        start(datadir.path(), &["--nodiscover", "--ipcdisable", "--staticnodes", &enode]);
    while !matches!(events.next().await.unwrap(), Event::Added { .. }) {}
    node.value("enode");
    let ended = node.signal_unread("-TERM");
    let closed = loop {
        if let Event::Dropped { closed, .. } = events.next().await.unwrap() {
            break closed;
        }
    };
    assert_eq!(closed, CloseReason::ByPeer(DisconnectReason::Quitting));
    assert!(ended);
    peer.stop().await;
    whisper.stop().await;
}

#[test]
#[cfg(target_os = "linux")]
fn a_command_ends_quietly_without_a_reader_and_reports_a_full_disk() {
    let run = |redirected: &str| {
        let script = format!("{PROGRAM} rpc discover {redirected}; echo $?");
        let Output { stdout, stderr, .. } =
            Command::new("bash").args(["-c", &script]).output().unwrap();
        (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    };
    let quiet = "| true; test ${PIPESTATUS[0]} -eq 0";
    assert_eq!(run(quiet), ("0\n".to_owned(), String::new()));
    let (code, error) = run("> /dev/full");
    assert_eq!(code, "1\n");
    assert!(error.contains("cannot write to standard output"), "{error}");
}

/// 127.0.0.1 is of no use on another machine.
#[test]
fn a_node_that_listens_on_all_addresses_does_not_show_127_0_0_1() {
    let network = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let has_network = network.connect("192.0.2.1:9").is_ok();
    let datadir = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg("--datadir").arg(datadir.path()).args(["--port", "0", "--nodiscover"]);
    command.args(["--http=false", "--ws=false", "--ipcdisable", "--verbosity", "1"]);
    let mut node = Running::start(&mut command);
    let enode = node.value("enode");
    assert!(!has_network || !enode.contains("@127.0.0.1:"), "{enode}");
    assert!(node.signal("-INT").1);
}

/// A browser hides from a page why its WebSocket is refused, so the log is the only place that tells it.
#[test]
fn a_refused_web_page_is_logged_with_its_origin() {
    use std::io::{Read as _, Write as _};

    let datadir = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["--addr=127.0.0.1", "--port=0", "--http=false", "--ws.port=0", "--datadir"]);
    let (mut node, log) = Log::of(command.arg(datadir.path()));
    node.value("enode");
    node.value("HTTP");
    let url = node.value("WebSocket");
    let mut page = std::net::TcpStream::connect(url.strip_prefix("ws://").unwrap()).unwrap();
    let handshake = "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nConnection: close, Upgrade\r\n\
                     Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n\r\n";
    page.write_all(handshake.as_bytes()).unwrap();
    let mut answer = String::new();
    page.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let warning = log.line(&["WARN", "\"null\""], Instant::now() + Duration::from_secs(15));
    assert!(warning.contains("ws.origins"), "{warning}");
}

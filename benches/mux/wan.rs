//! The throughput of one connection over a link with a round trip of 100 ms, compared with plain TCP over the same link.
//!
//! Loopback does not show it: there the window of TCP never limits the throughput. The two ends are processes of this
//! program in network namespaces of their own, and the link is made by [`link`](crate::link). Where that is not permitted,
//! the cases are skipped.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixDatagram,
    },
    process::{Child, Command, Stdio, exit},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use p2p_identity::{Enode, SecretKey};
use p2p_mux::{DisconnectReason, Exit, Protocol};
use p2p_server::{Config, ReceiveBuffer, Server};
use tokio::{runtime::Runtime, sync::mpsc};

use crate::link;

/// The environment variable of a process that is one end: [`DIALER`] or [`ACCEPTOR`].
const END: &str = "BENCH_MUX_WAN_END";
const DIALER: &str = "dialer";
const ACCEPTOR: &str = "acceptor";

/// The cases, with the name under which an end reports the throughput.
const CASES: [(&str, &str); 3] = [
    ("mux.wan_100ms_vs_tcp", "inbound"),
    ("mux.wan_100ms_dialed_vs_tcp", "dialed"),
    ("mux.wan_100ms_fixed_buffer_vs_tcp", "fixed"),
];

const ADDRS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 2)];
const TCP_PORT: u16 = 40_001;
const MUX_PORT: u16 = 40_002;
const FIXED_PORT: u16 = 40_003;

/// The buffer that was the default before it followed the round trip.
const FIXED_BUFFER: ReceiveBuffer = ReceiveBuffer::Fixed(128 * 1024);

/// Time for the window to grow, before the measurement begins, and time of the measurement.
fn times() -> [Duration; 2] {
    let millis = if benches::measuring() { [3000, 1500] } else { [200, 200] };
    millis.map(Duration::from_millis)
}

/// Size of each message, in bytes.
const MESSAGE: usize = 64 * 1024;

/// Reports the throughput of one connection as a multiple of that of plain TCP: received by the node that was dialed, by
/// the node that has dialed, and with a fixed receive buffer.
pub(crate) fn throughput_vs_tcp() {
    match figures() {
        Ok(figures) => {
            let of = |name| figures.iter().find(|(found, _)| found == name).map(|(_, rate)| *rate);
            for (case, name) in CASES {
                let ratio = of(name).zip(of("tcp")).map_or(f64::NAN, |(rate, tcp)| rate / tcp);
                benches::measured(case, ratio);
            }
        }
        Err(reason) => CASES.iter().for_each(|(case, _)| benches::skipped(case, &reason)),
    }
}

/// Runs both ends. Returns what they report: names, and bytes per second.
fn figures() -> Result<Vec<(String, f64)>, String> {
    let (here, there) = UnixDatagram::pair().map_err(|error| format!("no sockets: {error}"))?;
    let mut acceptor = start(ACCEPTOR, there)?;
    let mut listening = String::new();
    let mut output = BufReader::new(acceptor.stdout.take().expect("a pipe"));
    output.read_line(&mut listening).map_err(|error| error.to_string())?;
    if listening.trim() != "listening" {
        return Err(failure(acceptor));
    }
    let mut text = String::new();
    let mut dialer = start(DIALER, here)?;
    dialer.stdout.take().expect("a pipe").read_to_string(&mut text).expect("text");
    let ended = dialer.wait().map_err(|error| error.to_string())?;
    // An end that has printed a figure has written it out; this ends the output of the other.
    acceptor.kill().map_err(|error| error.to_string())?;
    output.read_to_string(&mut text).expect("text");
    acceptor.wait().map_err(|error| error.to_string())?;
    if !ended.success() {
        return Err(failure(dialer));
    }
    for line in text.lines() {
        eprintln!("wan: {line} bytes per second");
    }
    let figure = |line: &str| {
        let (name, rate) = line.split_once(' ')?;
        Some((name.to_owned(), rate.parse().ok()?))
    };
    Ok(text.lines().filter_map(figure).collect())
}

/// Starts one end in a network namespace of its own.
fn start(end: &str, socket: UnixDatagram) -> Result<Child, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let measuring = benches::measuring().then_some("--bench");
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--"]).arg(program).args(measuring);
    command.env(END, end).stdin(Stdio::from(OwnedFd::from(socket)));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|error| format!("cannot run unshare: {error}"))
}

/// What an end that failed has said.
fn failure(mut end: Child) -> String {
    let mut text = String::new();
    if let Some(mut stderr) = end.stderr.take() {
        // Without the text the reason is unknown.
        let _ = stderr.read_to_string(&mut text);
    }
    let _ = end.wait();
    format!("no network namespace with a tun device: {}", text.trim().replace('\n', "; "))
}

/// Runs one end and exits, if this process was started as one.
pub(crate) fn run_end_if_asked() {
    let Some(end) = env::var_os(END) else { return };
    let ended = if end == ACCEPTOR { accept() } else { dial() };
    if let Err(error) = ended {
        eprintln!("{error}");
        exit(1);
    }
    exit(0);
}

/// Opens the link over the socket that is this process's input.
fn open_link(addr: Ipv4Addr) -> std::io::Result<()> {
    let socket = UnixDatagram::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    link::open(addr, socket)
}

fn accept() -> std::io::Result<()> {
    open_link(ADDRS[0])?;
    let listener = TcpListener::bind((ADDRS[0], TCP_PORT))?;
    let runtime = Runtime::new()?;
    let listen = |port, buffer| {
        let config = node(ACCEPTOR).listen(SocketAddr::from((ADDRS[0], port)));
        let protocols = [bulk("inbound", true), bulk("dialed", false), bulk("fixed", true)];
        let protocols = protocols.map(|(protocol, _)| protocol);
        runtime.block_on(Server::start(config.receive_buffer(buffer).protocols(protocols)))
    };
    let started = listen(MUX_PORT, ReceiveBuffer::Automatic)
        .and_then(|automatic| Ok((automatic, listen(FIXED_PORT, FIXED_BUFFER)?)));
    let _servers = started.map_err(std::io::Error::other)?;
    print("listening");
    loop {
        let (mut socket, _) = listener.accept()?;
        let mut buffer = vec![0; 1 << 18];
        let mut meter = Meter::default();
        while let Ok(length @ 1..) = socket.read(&mut buffer) {
            if meter.record("tcp", length) {
                break;
            }
        }
    }
}

fn dial() -> std::io::Result<()> {
    open_link(ADDRS[1])?;
    let mut socket = TcpStream::connect((ADDRS[0], TCP_PORT))?;
    let block = benches::bytes(MESSAGE);
    // Until the other end has measured enough.
    while socket.write_all(&block).is_ok() {}
    let runtime = Runtime::new()?;
    for (name, port) in [("inbound", MUX_PORT), ("dialed", MUX_PORT), ("fixed", FIXED_PORT)] {
        let (protocol, mut ended) = bulk(name, name != "dialed");
        let enode = Enode::new(key(ACCEPTOR).id(), SocketAddr::from((ADDRS[0], port)));
        runtime.block_on(async {
            let config = node(name).protocol(protocol).static_node(enode);
            let server = Server::start(config).await.map_err(std::io::Error::other)?;
            ended.recv().await;
            server.stop().await;
            std::io::Result::Ok(())
        })?;
    }
    // The last figure of the other end may still be on its way.
    thread::sleep(2 * link::DELAY);
    Ok(())
}

fn key(name: &str) -> SecretKey {
    let number = u8::try_from(name.len()).expect("a short name");
    SecretKey::from_bytes(&[number; 32]).expect("a valid key")
}

fn node(name: &str) -> Config {
    Config::new(key(name)).discover(false)
}

/// A sub-protocol that sends without end in one direction. The receiver reports the throughput and ends the connection.
/// With a receiver that completes when the sub-protocol has ended.
fn bulk(name: &'static str, dialer_sends: bool) -> (Protocol, mpsc::Receiver<()>) {
    let (ended, waiting) = mpsc::channel(1);
    let protocol = Protocol::new(name, 1, 1, move |peer, mut channel| {
        let ended = ended.clone();
        async move {
            if peer.is_inbound() == dialer_sends {
                let mut meter = Meter::default();
                while let Some(message) = channel.recv().await {
                    if meter.record(name, message.payload.len()) {
                        break;
                    }
                }
            } else {
                let block = Bytes::from(benches::bytes(MESSAGE));
                while channel.send_raw(0, block.clone()).await.is_ok() {}
            }
            // An error means that the measurement has ended.
            let _ = ended.send(()).await;
            Err(Exit::Disconnect(DisconnectReason::Quitting))
        }
    });
    (protocol, waiting)
}

/// Counts what arrives.
#[derive(Default)]
struct Meter {
    start: Option<Instant>,
    /// When the measurement began, and the bytes since then.
    measured: Option<(Instant, usize)>,
}

impl Meter {
    /// Counts bytes that have arrived. Returns whether the measurement has ended; then it has printed the throughput.
    #[expect(clippy::cast_precision_loss, reason = "a throughput")]
    fn record(&mut self, name: &str, length: usize) -> bool {
        let [warm_up, duration] = times();
        let now = Instant::now();
        if now - *self.start.get_or_insert(now) < warm_up {
            return false;
        }
        let (start, bytes) = self.measured.get_or_insert((now, 0));
        *bytes += length;
        let spent = now - *start;
        if spent >= duration {
            print(&format!("{name} {:.0}", *bytes as f64 / spent.as_secs_f64()));
        }
        spent >= duration
    }
}

#[expect(clippy::print_stdout, reason = "the process that started this one reads it")]
fn print(line: &str) {
    println!("{line}");
}

//! `whisper-node bootnode`: a node that only answers discovery.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::SystemTime;

use clap::Args;
use p2p_identity::{Content, Enode, Record, causes};
use p2p_server::p2p_discovery::{Discv4, Discv4Config, Event, NetworkId};
use p2p_server::{Nat, NatParseError};

use super::console;
use super::failure::Failure;
use super::flags::{KeyFlags, List, LogFlags, discovery_node, list};
use super::process::data_dir::{DataLock, data_dir};
use super::process::stop_signal::stop_signal;
use super::run::shown_address;

/// The flags of a boot node.
#[derive(Args, Clone, Debug)]
pub(crate) struct Bootnode {
    /// UDP port; 0: any free port
    #[arg(long, value_name = "PORT", default_value_t = 30301)]
    port: u16,

    /// Address to listen on
    #[arg(long, value_name = "IP", default_value = "0.0.0.0")]
    addr: IpAddr,

    #[command(flatten)]
    key: KeyFlags,

    /// Folder of the node key, in the file bootkey [default: ~/.whisper-node]
    #[arg(long, value_name = "DIR")]
    datadir: Option<PathBuf>,

    /// External address: none | extip:IP. A boot node does not ask the router to forward its port
    #[arg(long, value_name = "NAT", default_value = "none", value_parser = without_gateway)]
    nat: Nat,

    /// Number of a private network: only nodes with this number are passed on
    #[arg(long, value_name = "N")]
    networkid: Option<u64>,

    /// Other boot nodes, comma-separated enode URLs or records (enr:)
    #[arg(long, value_name = "NODE", value_parser = list(discovery_node))]
    bootnodes: Vec<List<Enode>>,

    #[command(flatten)]
    log: LogFlags,
}

impl Bootnode {
    /// Runs until Ctrl-C (or, on Unix, SIGTERM).
    pub(super) async fn run(self) -> Result<(), Failure> {
        self.log.settings().start();
        let stop = stop_signal().map_err(Failure::Signals)?;
        let _lock = self.lock()?;
        let discv4 = self.start().await?;
        console::announce(&format!(
            "enode      {}\nrecord     {}\nCtrl-C stops the node.",
            shown_address(&discv4.enode(), self.addr),
            discv4.record()
        ));
        for enode in &List::joined(self.bootnodes.clone()) {
            if let Err(error) = discv4.add_boot_node(enode).await {
                tracing::warn!(%enode, "cannot add a boot node: {}", causes(&error));
            }
        }
        tokio::select! {
            () = stop => {}
            () = log_events(&discv4) => {}
        }
        console::announce("stopping");
        discv4.stop().await;
        Ok(())
    }

    /// Locks the key in the data directory, unless another key is given.
    fn lock(&self) -> Result<Option<DataLock>, Failure> {
        let lock = || DataLock::acquire(&data_dir(self.datadir.as_deref())?, "bootkey.lock");
        self.key.is_default().then(lock).transpose()
    }

    async fn start(&self) -> Result<Discv4, Failure> {
        let file = || Ok(data_dir(self.datadir.as_deref())?.join("bootkey"));
        let key = self.key.read_or_create(file)?;
        let external_ip = self.nat.external_ip();
        let content = external_ip.into_iter().fold(Content::new(), Content::ip);
        let record = Record::sign(&key, record_sequence(), &content).map_err(Failure::OwnRecord)?;
        let mut config = Discv4Config::new().follow_peers(external_ip.is_none());
        config.network = self.networkid.map(NetworkId);
        let addr = SocketAddr::new(self.addr, self.port);
        Ok(Discv4::start(config, key, &record, addr).await?)
    }
}

/// Parses a setting that needs no router, because a boot node cannot ask one.
fn without_gateway(text: &str) -> Result<Nat, String> {
    let nat: Nat = text.parse().map_err(|error: NatParseError| error.to_string())?;
    if nat.needs_gateway() {
        return Err("a boot node does not ask the router: expected none or extip:IP".to_owned());
    }
    Ok(nat)
}

/// The sequence number of the node's record: milliseconds since 1970. It is higher than in every earlier run, without
/// being stored.
pub(super) fn record_sequence() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or_default()
}

/// Logs the events of discovery.
async fn log_events(discv4: &Discv4) {
    let mut events = discv4.events();
    loop {
        match events.recv().await {
            Ok(Event::Found(node)) => tracing::info!("found {}", node.enode()),
            Ok(Event::Lost(id)) => tracing::info!(node = ?id, "lost"),
            Ok(Event::ExternalAddr(addr)) => tracing::info!("most nodes see this node at {addr}"),
            Ok(_) => {}
            Err(tokio::sync::broadcast::error::RecvError::Lagged(events)) => {
                tracing::warn!("{events} events were too fast to be logged");
            }
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
        }
    }
}

//! A short-lived participant of discovery.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use p2p_identity::{Content, Enode, Record};
use p2p_server::p2p_discovery::{
    BootNodeReason, ClockWitness, Discv4, Discv4Config, Event, NetworkId, NoAnswerError,
    RequestError,
};
use serde::Serialize;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::timeout;

use crate::cli::bootnode::record_sequence;
use crate::cli::failure::Failure;
use crate::cli::flags::{KeyFlags, List, Output, discovery_node, list};

/// Maximum time to wait for the reason why no boot node answers. It takes several pings.
const REASON_TIMEOUT: Duration = Duration::from_secs(6);

/// A node that was found, as JSON.
#[derive(Serialize)]
pub(super) struct FoundNode {
    enode: String,
}

/// A record that was found, as JSON.
#[derive(Serialize)]
pub(super) struct FoundRecord {
    record: String,
}

/// Prints a node: its URL.
pub(super) fn print_node(output: Output, enode: &Enode) -> Result<(), Failure> {
    output.print(&FoundNode { enode: enode.to_string() }, || enode.to_string())
}

/// Prints a record.
pub(super) fn print_record(output: Output, record: &Record) -> Result<(), Failure> {
    output.print(&FoundRecord { record: record.to_string() }, || record.to_string())
}

/// The UDP socket and the identity.
#[derive(Args, Clone, Debug)]
pub(super) struct SocketFlags {
    /// UDP port [default: any free port]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,

    /// Address to send from
    #[arg(long, value_name = "IP", default_value = "0.0.0.0")]
    addr: IpAddr,

    #[command(flatten)]
    key: KeyFlags,

    /// Number of a private network: only nodes with this number are used
    #[arg(long, value_name = "N")]
    networkid: Option<u64>,
}

/// The socket, the identity and the boot nodes.
#[derive(Args, Clone, Debug)]
pub(super) struct DiscoveryClient {
    #[command(flatten)]
    socket: SocketFlags,

    /// Nodes to start with, comma-separated enode URLs or records (enr:)
    #[arg(long, value_name = "NODE", value_parser = list(discovery_node))]
    bootnodes: Vec<List<Enode>>,
}

impl SocketFlags {
    /// Opens the socket. Without a given key, a random one is used.
    pub(super) async fn open(&self) -> Result<Discv4, Failure> {
        let key = self.key.read_or_random()?;
        let record =
            Record::sign(&key, record_sequence(), &Content::new()).map_err(Failure::OwnRecord)?;
        let mut config = Discv4Config::new();
        config.network = self.networkid.map(NetworkId);
        let addr = SocketAddr::new(self.addr, self.port);
        Ok(Discv4::start(config, key, &record, addr).await?)
    }
}

impl DiscoveryClient {
    /// Opens the socket and adds the boot nodes. The returned events are complete: there are none before.
    pub(super) async fn start(&self) -> Result<(Discv4, Receiver<Event>), Failure> {
        let discv4 = self.socket.open().await?;
        let events = discv4.events();
        for enode in &List::joined(self.bootnodes.clone()) {
            discv4.add_boot_node(enode).await?;
        }
        Ok((discv4, events))
    }

    /// Starts, and waits until a boot node has answered.
    pub(super) async fn connect(&self) -> Result<Discv4, Failure> {
        let (discv4, events) = self.start().await?;
        let mut failure = None;
        for enode in &List::joined(self.bootnodes.clone()) {
            match self.check(&discv4, enode).await {
                Ok(()) => return Ok(discv4),
                Err(Failure::ForeignBootNode) => failure = Some(Failure::ForeignBootNode),
                Err(_) => {}
            }
        }
        match failure {
            Some(failure) => Err(failure),
            None if List::joined(self.bootnodes.clone()).is_empty() => Err(Failure::NoBootNode),
            None => {
                Err(timeout(REASON_TIMEOUT, reason(events)).await.unwrap_or(Failure::NoBootNode))
            }
        }
    }

    /// Checks that a boot node answers. In a private network, its record must have the right number.
    async fn check(&self, discv4: &Discv4, enode: &Enode) -> Result<(), Failure> {
        let Some(network) = self.socket.networkid.map(NetworkId) else {
            discv4.ping(enode).await?;
            return Ok(());
        };
        match discv4.request_record(enode).await {
            Ok(record) if network.is_of(&record) => Ok(()),
            Ok(_)
            | Err(RequestError::NoAnswer(NoAnswerError::Refused | NoAnswerError::BadRecord)) => {
                Err(Failure::ForeignBootNode)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Why no boot node answers, as discovery reports it.
async fn reason(mut events: Receiver<Event>) -> Failure {
    loop {
        match events.recv().await {
            Ok(Event::BootNodeFailed(node, reason)) => {
                return Failure::BootNode(Box::new(node.enode()), reason);
            }
            Ok(Event::ClockOffset(offset, witness)) => return Failure::Clock(offset, witness),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Failure::NoBootNode,
        }
    }
}

/// Why the node of a request does not answer. It must have been added as a boot node, and `events` be those since then.
/// `error`: what the request said.
pub(super) async fn explain(events: Receiver<Event>, error: RequestError) -> Failure {
    if !matches!(error, RequestError::NoAnswer(NoAnswerError::Silent)) {
        return error.into();
    }
    match timeout(REASON_TIMEOUT, reason(events)).await {
        Ok(Failure::BootNode(node, reason)) if !matches!(reason, BootNodeReason::Silent { .. }) => {
            Failure::Unusable(node, reason)
        }
        Ok(Failure::Clock(offset, ClockWitness::BootNode(id))) => {
            Failure::Clock(offset, ClockWitness::Trusted(id))
        }
        Ok(clock @ Failure::Clock(..)) => clock,
        _ => error.into(),
    }
}

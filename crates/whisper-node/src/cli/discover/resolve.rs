//! `discover resolve`.

use std::collections::BTreeMap;

use clap::Args;
use p2p_identity::{Enode, NodeId, Record};
use p2p_server::p2p_discovery::RequestError;
use serde::Serialize;

use super::client::{DiscoveryClient, explain};
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::{NodeUrlError, Output, node_url};
use crate::cli::progress::Progress;

#[derive(Args, Debug)]
pub(crate) struct Resolve {
    /// The node: enode URL, record (enr:), or id, which is looked up in the network
    #[arg(value_name = "NODE", value_parser = node_name)]
    node: NodeName,

    #[command(flatten)]
    client: DiscoveryClient,

    #[command(flatten)]
    output: Output,
}

/// A record and its content.
#[derive(Serialize)]
struct Resolved {
    record: String,
    sequence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    enode: Option<String>,
    /// The entries: those with a known meaning as text, others in hexadecimal.
    entries: BTreeMap<String, String>,
}

/// How a node is named.
#[derive(Clone, Debug)]
enum NodeName {
    Url(Enode),
    Id(NodeId),
}

fn node_name(text: &str) -> Result<NodeName, NodeUrlError> {
    match text.parse() {
        Ok(id) => Ok(NodeName::Id(id)),
        Err(_) => node_url(text).map(NodeName::Url),
    }
}

impl Resolve {
    /// Prints the record, and then its content.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (record, discv4) = match &self.node {
            NodeName::Url(enode) => {
                let (discv4, events) = self.client.start().await?;
                discv4.add_boot_node(enode).await?;
                let record = match discv4.request_record(enode).await {
                    // Its address may have changed, so the network is asked.
                    Err(error @ RequestError::NoAnswer(_)) => {
                        match discv4.resolve(enode.id).await {
                            Ok(record) => record,
                            Err(_) => return Err(explain(events, error).await),
                        }
                    }
                    record => record?,
                };
                (record, discv4)
            }
            NodeName::Id(id) => {
                let progress = Progress::new("resolve");
                progress.show("looking up the node".to_owned());
                let discv4 = self.client.connect().await?;
                (discv4.resolve(*id).await?, discv4)
            }
        };
        discv4.stop().await;
        let resolved = Resolved::of(&record);
        self.output.print(&resolved, || resolved.describe())
    }
}

impl Resolved {
    fn of(record: &Record) -> Self {
        let entry = |(name, value): (&[u8], &[u8])| {
            // The peer chooses names and values, so control characters are escaped.
            let known = known_value(record, name).unwrap_or_else(|| console::hex(value));
            (name.escape_ascii().to_string(), known)
        };
        Self {
            record: record.to_string(),
            sequence: record.sequence(),
            enode: record.enode().map(|enode| enode.to_string()),
            entries: record.content().iter().map(entry).collect(),
        }
    }

    /// The record in text form, then one line for each entry.
    fn describe(&self) -> String {
        let mut lines = vec![self.record.clone(), format!("sequence   {}", self.sequence)];
        lines.extend(self.enode.iter().map(|enode| format!("enode      {enode}")));
        lines.extend(self.entries.iter().map(|(name, value)| format!("{name:10} {value}")));
        lines.join("\n")
    }
}

/// The value of an entry with a known meaning, if it is valid.
fn known_value(record: &Record, name: &[u8]) -> Option<String> {
    match name {
        b"ip" => record.ip().map(|ip| ip.to_string()),
        b"ip6" => record.ip6().map(|ip| ip.to_string()),
        b"tcp" | b"tcp6" | b"udp" | b"udp6" => record.get(name).map(|port: u16| port.to_string()),
        b"net" => record.get(name).map(|network: u64| network.to_string()),
        _ => None,
    }
}

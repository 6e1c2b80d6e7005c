//! `discover resolve`.

use clap::Args;
use p2p_identity::{Enode, NodeId, Record};
use p2p_server::p2p_discovery::RequestError;

use super::client::{DiscoveryClient, explain};
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::{NodeUrlError, node_url};
use crate::cli::progress::Progress;

#[derive(Args, Debug)]
pub(crate) struct Resolve {
    /// The node: enode URL, record (enr:), or id, which is looked up in the network
    #[arg(value_name = "NODE", value_parser = node_name)]
    node: NodeName,

    #[command(flatten)]
    client: DiscoveryClient,
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
        console::print(&describe(&record))
    }
}

/// The record in text form, then one line for each entry.
fn describe(record: &Record) -> String {
    let mut lines = vec![record.to_string(), format!("sequence   {}", record.sequence())];
    if let Some(enode) = record.enode() {
        lines.push(format!("enode      {enode}"));
    }
    for (name, value) in record.content().iter() {
        // The peer chooses names and values, so control characters are escaped.
        let value = known_value(record, name).unwrap_or_else(|| console::hex(value));
        lines.push(format!("{:10} {value}", name.escape_ascii().to_string()));
    }
    lines.join("\n")
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

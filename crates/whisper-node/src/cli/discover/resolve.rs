//! `discover resolve`.

use clap::Args;
use p2p_identity::{Enode, NodeId, Record};
use p2p_server::p2p_discovery::RequestError;

use super::party::Party;
use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::node_url::{NodeUrlError, node_url};
use crate::cli::progress::Progress;

#[derive(Args, Debug)]
pub(crate) struct Resolve {
    /// The node: enode URL, record (enr:), or its id alone, which is then looked for in the network
    #[arg(value_name = "NODE", value_parser = name)]
    node: Name,

    #[command(flatten)]
    party: Party,
}

/// What a node is named by.
#[derive(Clone, Debug)]
enum Name {
    Url(Enode),
    Id(NodeId),
}

fn name(text: &str) -> Result<Name, NodeUrlError> {
    match text.parse() {
        Ok(id) => Ok(Name::Id(id)),
        Err(_) => node_url(text).map(Name::Url),
    }
}

impl Resolve {
    /// Prints the record and what it says, the record first.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (record, discv4) = match &self.node {
            Name::Url(enode) => {
                let (discv4, _) = self.party.join().await?;
                let record = match discv4.request_record(enode).await {
                    // It may have moved: others know.
                    Err(RequestError::NoAnswer(_)) => discv4.resolve(enode.id).await?,
                    record => record?,
                };
                (record, discv4)
            }
            Name::Id(id) => {
                let progress = Progress::new("resolve");
                progress.say("looking for the node".to_owned());
                let discv4 = self.party.enter().await?;
                (discv4.resolve(*id).await?, discv4)
            }
        };
        discv4.stop().await;
        input::print(&describe(&record))
    }
}

/// The record in text form, then a line for each value.
fn describe(record: &Record) -> String {
    let mut lines = vec![record.to_string(), format!("sequence   {}", record.sequence())];
    if let Some(enode) = record.enode() {
        lines.push(format!("enode      {enode}"));
    }
    for (name, value) in record.content().iter() {
        // What a peer chose is not printed as it is.
        let value = understood(record, name).unwrap_or_else(|| input::hex(value));
        lines.push(format!("{:10} {value}", name.escape_ascii().to_string()));
    }
    lines.join("\n")
}

/// The value of an entry whose meaning is known, if it is what it should be.
fn understood(record: &Record, name: &[u8]) -> Option<String> {
    match name {
        b"ip" => record.ip().map(|ip| ip.to_string()),
        b"ip6" => record.ip6().map(|ip| ip.to_string()),
        b"tcp" | b"tcp6" | b"udp" | b"udp6" => record.get(name).map(|port: u16| port.to_string()),
        b"net" => record.get(name).map(|network: u64| network.to_string()),
        _ => None,
    }
}

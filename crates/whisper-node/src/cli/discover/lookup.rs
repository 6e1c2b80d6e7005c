//! `discover lookup`.

use clap::Args;
use p2p_identity::{HexError, NodeId};

use super::client::{DiscoveryClient, print_node};
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::{Output, node_url};
use crate::cli::progress::Progress;

#[derive(Args, Debug)]
pub(crate) struct Lookup {
    /// The target: a node's id or URL [default: a random id]
    #[arg(value_name = "TARGET", value_parser = target)]
    target: Option<NodeId>,

    #[command(flatten)]
    client: DiscoveryClient,

    #[command(flatten)]
    output: Output,
}

fn target(text: &str) -> Result<NodeId, HexError> {
    node_url(text).map_or_else(|_| text.parse(), |enode| Ok(enode.id))
}

impl Lookup {
    /// Prints one URL per line, the nearest node first.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let progress = Progress::new("lookup");
        progress.show("asking the boot nodes".to_owned());
        let discv4 = self.client.connect().await?;
        progress.show("asking nodes that are nearer and nearer".to_owned());
        let outcome = match self.target {
            Some(target) => discv4.lookup(target).await?,
            None => discv4.lookup_random().await?,
        };
        drop(progress);
        discv4.stop().await;
        for node in &outcome.nodes {
            print_node(self.output, &node.enode())?;
        }
        console::print_error(&format!(
            "{} nodes, {} asked, {} without an answer, {} rounds",
            outcome.nodes.len(),
            outcome.asked,
            outcome.silent,
            outcome.rounds
        ));
        Ok(())
    }
}

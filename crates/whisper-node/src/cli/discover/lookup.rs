//! `discover lookup`.

use clap::Args;
use p2p_identity::{HexError, NodeId};

use super::party::Party;
use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::node_url::node_url;
use crate::cli::progress::Progress;

#[derive(Args, Debug)]
pub(crate) struct Lookup {
    /// The target: a node's id or URL [default: a random one]
    #[arg(value_name = "TARGET", value_parser = target)]
    target: Option<NodeId>,

    #[command(flatten)]
    party: Party,
}

fn target(text: &str) -> Result<NodeId, HexError> {
    node_url(text).map_or_else(|_| text.parse(), |enode| Ok(enode.id))
}

impl Lookup {
    /// Prints a URL a line, nearest first.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let progress = Progress::new("lookup");
        progress.say("knocking at the boot nodes".to_owned());
        let discv4 = self.party.enter().await?;
        progress.say("asking ever nearer nodes".to_owned());
        let outcome = match self.target {
            Some(target) => discv4.lookup(target).await?,
            None => discv4.lookup_random().await?,
        };
        drop(progress);
        discv4.stop().await;
        for node in &outcome.nodes {
            input::print(&node.enode().to_string())?;
        }
        eprintln!(
            "{} nodes, {} asked, {} of them silent, {} rounds",
            outcome.nodes.len(),
            outcome.asked,
            outcome.silent,
            outcome.rounds
        );
        Ok(())
    }
}

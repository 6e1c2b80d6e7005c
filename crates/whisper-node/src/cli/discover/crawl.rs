//! `discover crawl`.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use p2p_identity::{Enode, NodeId};
use p2p_server::p2p_discovery::{Discv4, LookupOutcome, Node};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::party::Party;
use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::progress::Progress;

/// Lookups, and requests for records, at a time.
const AT_ONCE: usize = 4;

/// After so many lookups in a row that met nobody new the network is taken for known.
const IDLE_LOOKUPS: u32 = 16;

#[derive(Args, Debug)]
pub(crate) struct Crawl {
    /// The longest it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    time: u64,

    /// Print the nodes' records instead of their URLs, as `discover dns sign` takes them
    #[arg(long)]
    records: bool,

    #[command(flatten)]
    party: Party,
}

/// Whom it has met.
struct Walk {
    met: HashMap<NodeId, Enode>,
    lookups: u32,
    /// Lookups in a row that met nobody new.
    idle: u32,
}

impl Crawl {
    /// Prints a line for each node when it is met.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(self.time);
        let progress = Progress::new("crawl");
        progress.say("knocking at the boot nodes".to_owned());
        let discv4 = self.party.enter().await?;
        let mut walk = Walk { met: HashMap::new(), lookups: 0, idle: 0 };
        let known = discv4.nodes().await?;
        walk.meet(known, &progress, !self.records)?;
        let whole = timeout_at(deadline, walk.go(&discv4, &progress, !self.records)).await;
        let found = walk.met.len();
        if self.records {
            records(&discv4, walk.met, &progress).await?;
        }
        drop(progress);
        discv4.stop().await;
        if let Ok(walked) = whole {
            walked?;
            eprintln!("{found} nodes");
        } else {
            eprintln!("{found} nodes; there may be more (--time)");
        }
        Ok(())
    }
}

impl Walk {
    /// Looks around until nobody new comes.
    async fn go(
        &mut self,
        discv4: &Discv4,
        progress: &Progress,
        print: bool,
    ) -> Result<(), Failure> {
        let mut running: JoinSet<LookupOutcome> = JoinSet::new();
        while self.idle < IDLE_LOOKUPS {
            while running.len() < AT_ONCE {
                let discv4 = discv4.clone();
                // One that cannot be made now counts as one that met nobody.
                running.spawn(async move { discv4.lookup_random().await.unwrap_or_default() });
            }
            if let Some(Ok(outcome)) = running.join_next().await {
                self.lookups += 1;
                self.idle += 1;
                let mut nodes = outcome.nodes;
                nodes.extend(discv4.nodes().await?);
                self.meet(nodes, progress, print)?;
            }
        }
        Ok(())
    }

    fn meet(&mut self, nodes: Vec<Node>, progress: &Progress, print: bool) -> Result<(), Failure> {
        for node in nodes {
            let enode = node.enode();
            if self.met.insert(node.id, enode.clone()).is_none() {
                self.idle = 0;
                if print {
                    progress.pause(|| input::print(&enode.to_string()))?;
                }
            }
        }
        progress.say(format!("{} nodes after {} lookups", self.met.len(), self.lookups));
        Ok(())
    }
}

/// Asks the nodes for their records and prints what comes.
async fn records(
    discv4: &Discv4,
    met: HashMap<NodeId, Enode>,
    progress: &Progress,
) -> Result<(), Failure> {
    let total = met.len();
    let (mut left, mut running, mut asked) = (met.into_values(), JoinSet::new(), 0);
    loop {
        while running.len() < AT_ONCE {
            let Some(enode) = left.next() else { break };
            let discv4 = discv4.clone();
            running.spawn(async move { discv4.request_record(&enode).await });
        }
        let Some(answer) = running.join_next().await else { return Ok(()) };
        asked += 1;
        progress.say(format!("{asked} of {total} nodes asked for their records"));
        // Who gives none is left out.
        if let Ok(Ok(record)) = answer {
            progress.pause(|| input::print(&record.to_string()))?;
        }
    }
}

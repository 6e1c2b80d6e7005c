//! `discover crawl`.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use p2p_identity::{Enode, NodeId};
use p2p_server::p2p_discovery::{Discv4, LookupOutcome, Node};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::client::{DiscoveryClient, print_node, print_record};
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::Output;
use crate::cli::progress::Progress;

/// Maximum number of concurrent lookups, and of concurrent requests for records.
const MAX_CONCURRENT: usize = 4;

/// The crawl ends after this number of lookups in a row without a new node.
const MAX_IDLE_LOOKUPS: u32 = 16;

#[derive(Args, Debug)]
pub(crate) struct Crawl {
    /// Maximum time, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    time: u64,

    /// Print the nodes' records instead of their URLs, for `discover dns sign`
    #[arg(long)]
    records: bool,

    #[command(flatten)]
    client: DiscoveryClient,

    #[command(flatten)]
    output: Output,
}

/// The nodes found so far.
struct Crawler {
    found: HashMap<NodeId, Enode>,
    lookups: u32,
    /// Number of lookups in a row without a new node.
    idle_lookups: u32,
}

impl Crawl {
    /// Prints a line for each node when it is found.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(self.time);
        let progress = Progress::new("crawl");
        progress.show("asking the boot nodes".to_owned());
        let discv4 = self.client.connect().await?;
        let mut crawler = Crawler { found: HashMap::new(), lookups: 0, idle_lookups: 0 };
        let known = discv4.nodes().await?;
        // Records are printed at the end.
        let output = (!self.records).then_some(self.output);
        crawler.add(known, &progress, output)?;
        let crawled = timeout_at(deadline, crawler.run(&discv4, &progress, output)).await;
        let count = crawler.found.len();
        if self.records {
            print_records(&discv4, crawler.found, &progress, self.output).await?;
        }
        drop(progress);
        discv4.stop().await;
        if let Ok(complete) = crawled {
            complete?;
            console::print_error(&format!("{count} nodes"));
        } else {
            console::print_error(&format!("{count} nodes; there may be more (--time)"));
        }
        Ok(())
    }
}

impl Crawler {
    /// Does lookups until they find no new nodes.
    async fn run(
        &mut self,
        discv4: &Discv4,
        progress: &Progress,
        output: Option<Output>,
    ) -> Result<(), Failure> {
        let mut running: JoinSet<LookupOutcome> = JoinSet::new();
        while self.idle_lookups < MAX_IDLE_LOOKUPS {
            while running.len() < MAX_CONCURRENT {
                let discv4 = discv4.clone();
                // A lookup that fails counts as one without a new node.
                running.spawn(async move { discv4.lookup_random().await.unwrap_or_default() });
            }
            if let Some(Ok(outcome)) = running.join_next().await {
                self.lookups += 1;
                self.idle_lookups += 1;
                let mut nodes = outcome.nodes;
                nodes.extend(discv4.nodes().await?);
                self.add(nodes, progress, output)?;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        nodes: Vec<Node>,
        progress: &Progress,
        output: Option<Output>,
    ) -> Result<(), Failure> {
        for node in nodes {
            let enode = node.enode();
            if self.found.insert(node.id, enode.clone()).is_none() {
                self.idle_lookups = 0;
                if let Some(output) = output {
                    progress.suspend(|| print_node(output, &enode))?;
                }
            }
        }
        progress.show(format!("{} nodes after {} lookups", self.found.len(), self.lookups));
        Ok(())
    }
}

/// Requests the records of the nodes, and prints those that arrive.
async fn print_records(
    discv4: &Discv4,
    found: HashMap<NodeId, Enode>,
    progress: &Progress,
    output: Output,
) -> Result<(), Failure> {
    let total = found.len();
    let (mut remaining, mut running, mut asked) = (found.into_values(), JoinSet::new(), 0);
    loop {
        while running.len() < MAX_CONCURRENT {
            let Some(enode) = remaining.next() else { break };
            let discv4 = discv4.clone();
            running.spawn(async move { discv4.request_record(&enode).await });
        }
        let Some(answer) = running.join_next().await else { return Ok(()) };
        asked += 1;
        progress.show(format!("{asked} of {total} nodes asked for their records"));
        // Nodes without an answer are left out.
        if let Ok(Ok(record)) = answer {
            progress.suspend(|| print_record(output, &record))?;
        }
    }
}

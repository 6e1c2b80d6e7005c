//! `whisper-node top`: what a running node does, again each second.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use whisper_rpc::client::{AdminClient as _, DebugClient as _, ShhClient as _};
use whisper_rpc::types::{DroppedJson, InfoJson, PeerInfoJson};

use super::connection::{Connection, Target};
use crate::cli::console::{self, one_line};
use crate::cli::failure::Failure;
use crate::cli::flags::Output;
use crate::cli::process::stop_signal::stop_signal;

/// Maximum number of peers and of reasons that are shown.
const MAX_ROWS: usize = 20;

/// The flags of the command.
#[derive(Args, Debug)]
pub(crate) struct Top {
    #[command(flatten)]
    target: Target,

    /// Time between two looks, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,

    /// End after this number of looks [default: do not end]
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    #[command(flatten)]
    output: Output,
}

/// The node at one moment.
#[derive(Debug, Serialize)]
struct Look {
    name: String,
    whisper: InfoJson,
    peers: Vec<PeerInfoJson>,
    /// How often each reason occurred since the start; those that did not are left out.
    drops: BTreeMap<String, u64>,
}

impl Top {
    /// Shows the node until a signal to stop.
    ///
    /// # Errors
    ///
    /// No node answers, or it does not serve `admin` and `debug` here.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let stop = stop_signal().map_err(Failure::Signals)?;
        let node = self.target.connect().await?;
        tokio::select! {
            () = stop => Ok(()),
            ended = self.show(&node) => ended,
        }
    }

    async fn show(&self, node: &Connection) -> Result<(), Failure> {
        let mut ticks = interval(Duration::from_secs(self.every.into()));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let is_terminal = io::stdout().is_terminal();
        let mut before: Option<Look> = None;
        for _ in 0..self.count.unwrap_or(u64::MAX) {
            ticks.tick().await;
            let look = Look::at(node).await?;
            match is_terminal && !self.output.is_json() {
                true => console::print_page(&look.page(before.as_ref()))?,
                false => self.output.print(&look, || look.page(before.as_ref()))?,
            }
            before = Some(look);
        }
        Ok(())
    }
}

impl Look {
    async fn at(node: &Connection) -> Result<Self, Failure> {
        let name = node.node_info().await.map_err(Failure::Call)?.name;
        let drops = node.drops().await.map_err(Failure::Call)?;
        let occurred = drops.into_iter().filter(|dropped| dropped.count > 0);
        let counted = |DroppedJson { reason, count, .. }: DroppedJson| (reason, count);
        Ok(Self {
            name,
            whisper: node.info().await.map_err(Failure::Call)?,
            peers: node.peers().await.map_err(Failure::Call)?,
            drops: occurred.map(counted).collect(),
        })
    }

    /// The look for people. `before`: the last one.
    fn page(&self, before: Option<&Self>) -> String {
        let InfoJson { memory, messages, min_pow, .. } = self.whisper;
        let mut page = format!(
            "{}\npeers: {}, envelopes in the pool: {messages} ({} KiB), minimum work: {min_pow}\n",
            self.name,
            self.peers.len(),
            memory / 1024,
        );
        for peer in self.peers.iter().take(MAX_ROWS) {
            let direction = if peer.network.inbound { "in" } else { "out" };
            let name: String = one_line(&peer.name).chars().take(40).collect();
            let (remote, link) = (&peer.network.remote_address, &peer.network.link);
            let _ = write!(page, "\n{name:<40}  {direction:<3}  {remote:<22}  {link}");
        }
        if self.peers.len() > MAX_ROWS {
            let _ = write!(page, "\n… {} more", self.peers.len() - MAX_ROWS);
        }
        let mut drops: Vec<_> = self.drops.iter().collect();
        drops.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        page.push_str(if drops.is_empty() { "\n\nnothing was dropped" } else { "\n" });
        for (reason, count) in drops.into_iter().take(MAX_ROWS) {
            let earlier = before.and_then(|before| before.drops.get(reason)).copied();
            let more = count.saturating_sub(earlier.unwrap_or(*count));
            let more = if more > 0 { format!("  +{more}") } else { String::new() };
            let _ = write!(page, "\n{count:>10}  {reason}{more}");
        }
        page
    }
}

//! `discover dns`: lists of nodes in the DNS, made and read.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use p2p_identity::{Record, SecretKey};
use p2p_server::p2p_discovery::dns::{Link, ListClientConfig, Lists, Servers, Tree};
use tokio::time::{Instant, timeout_at};

use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::progress::Progress;

/// What can be done with lists.
#[derive(Debug, Subcommand)]
pub(crate) enum Dns {
    /// Sign a list, and print its TXT records as lines of a zone file
    Sign(Sign),
    /// Read a list and the lists it links to, and print the records in them
    Fetch(Fetch),
}

#[derive(Args, Debug)]
pub(crate) struct Sign {
    /// The records, a line each (enr:), as `discover crawl --records` prints them; read from standard input
    /// if missing or -
    records: Option<String>,

    /// File with the key that signs, 64 hex digits; whoever trusts the list trusts this key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// The DNS name under which the list will stand
    #[arg(long, value_name = "NAME")]
    domain: String,

    /// The number of this version of the list: higher than that of the one before
    #[arg(long, value_name = "N")]
    seq: u64,

    /// Other lists to link to, comma-separated
    #[arg(long, value_name = "ENRTREE", value_delimiter = ',')]
    links: Vec<Link>,

    /// How long others may keep the root, in seconds
    #[arg(long = "root-ttl", value_name = "SECONDS", default_value_t = 60)]
    root_ttl: u32,

    /// How long others may keep all other entries, which never change
    #[arg(long = "entry-ttl", value_name = "SECONDS", default_value_t = 86_400)]
    entry_ttl: u32,
}

#[derive(Args, Debug)]
pub(crate) struct Fetch {
    /// The list: enrtree://KEY@NAME
    #[arg(value_name = "ENRTREE")]
    list: Link,

    /// DNS servers to ask, comma-separated IP:PORT [default: those of the system]
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    server: Vec<SocketAddr>,

    /// Questions a second
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,

    /// The longest it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    time: u64,
}

impl Dns {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Sign(sign) => sign.run(),
            Self::Fetch(fetch) => fetch.run().await,
        }
    }
}

impl Sign {
    /// The list's address as a comment, then the lines of the zone.
    fn run(self) -> Result<(), Failure> {
        let key = SecretKey::load(&self.key)?;
        let records = records(&input::text(self.records)?)?;
        let tree = Tree::sign(&key, self.seq, records, self.links);
        let link = tree.link(&self.domain).map_err(Failure::Domain)?;
        input::print(&format!("; {link}\n$ORIGIN {}.", link.domain()))?;
        for line in tree.zone(self.root_ttl, self.entry_ttl) {
            input::print(&line)?;
        }
        Ok(())
    }
}

/// A record a line; empty lines and comments (`;`, `#`) are passed over.
fn records(text: &str) -> Result<Vec<Record>, Failure> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines
        .filter(|(_, line)| !(line.is_empty() || line.starts_with([';', '#'])))
        .map(|(line, record)| record.parse().map_err(|source| Failure::RecordLine { line, source }))
        .collect()
}

impl Fetch {
    /// Prints each record when it is found, once.
    async fn run(self) -> Result<(), Failure> {
        let progress = Progress::new("fetch");
        let deadline = Instant::now() + Duration::from_secs(self.time);
        let config = ListClientConfig {
            query_interval: Duration::from_secs(1) / self.rate,
            // Each record is wanted once.
            walk_interval: Duration::from_secs(365 * 86_400),
            ..ListClientConfig::default()
        };
        let servers =
            if self.server.is_empty() { Servers::System } else { Servers::At(self.server) };
        let mut lists = Lists::start(config, &servers, [self.list])?;
        let walked = timeout_at(deadline, walk(&mut lists, &progress)).await;
        let (stats, found) = (lists.stats(), lists.progress());
        drop(progress);
        if stats.records == 0 && found.entries == 0 {
            return Err(Failure::NoList);
        }
        eprintln!(
            "{} records in {} lists, {} questions, {} unanswered{}",
            stats.records,
            found.lists,
            stats.queries,
            stats.unanswered,
            if walked.is_err() { "; there may be more (--time)" } else { "" }
        );
        walked.unwrap_or(Ok(()))
    }
}

/// Until there is no more to be had.
async fn walk(lists: &mut Lists, progress: &Progress) -> Result<(), Failure> {
    let (mut seen, mut state) = (HashSet::new(), lists.watch());
    loop {
        let (now, _) = *state.borrow_and_update();
        progress.say(format!("{} of {} entries", now.entries - now.open, now.entries));
        tokio::select! {
            biased;
            record = lists.next() => match record {
                Some(record) if seen.insert(record.id()) => {
                    progress.pause(|| input::print(&record.to_string()))?;
                }
                Some(_) => {}
                None => return Ok(()),
            },
            _ = state.changed(), if !now.is_done() => {}
            () = std::future::ready(()), if now.is_done() => return Ok(()),
        }
    }
}

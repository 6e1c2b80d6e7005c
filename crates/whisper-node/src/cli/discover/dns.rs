//! `discover dns`: signs and fetches node lists in the DNS.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use clap::{Args, Subcommand};
use p2p_identity::{Record, SecretKey};
use p2p_server::p2p_discovery::dns::{
    Label, Link, ListClientConfig, ListClientStats, Lists, QueryError, Servers, Tree,
};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::client::print_record;
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::{List, Output, list};
use crate::cli::progress::Progress;

#[derive(Debug, Subcommand)]
pub(crate) enum Dns {
    /// Sign a list and print its TXT records as lines of a zone file
    Sign(Sign),
    /// Fetch a list and the lists it links to, and print their records
    Fetch(Fetch),
}

#[derive(Args, Debug)]
pub(crate) struct Sign {
    /// The records (enr:), one per line, as printed by `discover crawl --records`; read from standard
    /// input if missing or -
    records: Option<String>,

    /// File with the key that signs the list, 64 hex digits. Users of the list trust this key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// DNS name of the list
    #[arg(long, value_name = "NAME")]
    domain: String,

    /// Sequence number of the list. It must be higher than in the version before
    #[arg(long, value_name = "N")]
    seq: u64,

    /// Other lists to link to, comma-separated
    #[arg(long, value_name = "ENRTREE", value_parser = list(Link::from_str))]
    links: Vec<List<Link>>,

    /// How long others may cache the root, in seconds
    #[arg(long = "root-ttl", value_name = "SECONDS", default_value_t = 60)]
    root_ttl: u32,

    /// How long others may cache the other entries, which never change, in seconds
    #[arg(long = "entry-ttl", value_name = "SECONDS", default_value_t = 86_400)]
    entry_ttl: u32,

    #[command(flatten)]
    output: Output,
}

/// A list that was signed.
#[derive(Serialize)]
struct SignedList {
    /// The URL of the list.
    link: String,
    domain: String,
    /// All TXT records.
    records: Vec<TextRecord>,
}

#[derive(Serialize)]
struct TextRecord {
    /// What is before the domain; `@`: the domain itself.
    label: String,
    /// How long others may cache it, in seconds.
    ttl: u32,
    text: String,
}

#[derive(Args, Debug)]
pub(crate) struct Fetch {
    /// The list: enrtree://KEY@NAME
    #[arg(value_name = "ENRTREE")]
    list: Link,

    /// DNS servers, comma-separated IP:PORT [default: those of the system]
    #[arg(long, value_name = "ADDR", value_parser = list(SocketAddr::from_str))]
    server: Vec<List<SocketAddr>>,

    /// Maximum number of queries per second
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,

    /// Maximum time, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    time: u64,

    #[command(flatten)]
    output: Output,
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
    /// Prints the URL of the list as a comment, then the lines of the zone; in JSON, one object with the same.
    fn run(self) -> Result<(), Failure> {
        let key = SecretKey::load(&self.key)?;
        let records = records(&console::read_text(self.records)?)?;
        let tree = Tree::sign(&key, self.seq, records, List::joined(self.links));
        let link = tree.link(&self.domain).map_err(Failure::Domain)?;
        let record = |(label, text): (Option<Label>, String)| TextRecord {
            ttl: if label.is_none() { self.root_ttl } else { self.entry_ttl },
            label: label.map_or_else(|| "@".to_owned(), |label| label.to_string()),
            text,
        };
        let list = SignedList {
            link: link.to_string(),
            domain: link.domain().to_owned(),
            records: tree.texts().map(record).collect(),
        };
        self.output.print(&list, || {
            let head = format!("; {link}\n$ORIGIN {}.", link.domain());
            let lines = tree.zone(self.root_ttl, self.entry_ttl);
            std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
        })
    }
}

/// Parses one record per line. Empty lines and comments (`;`, `#`) are ignored.
fn records(text: &str) -> Result<Vec<Record>, Failure> {
    let lines = (1..).zip(text.lines().map(str::trim));
    lines
        .filter(|(_, line)| !(line.is_empty() || line.starts_with([';', '#'])))
        .map(|(line, record)| record.parse().map_err(|source| Failure::RecordLine { line, source }))
        .collect()
}

impl Fetch {
    /// Prints each record once, when it is found.
    async fn run(self) -> Result<(), Failure> {
        let progress = Progress::new("fetch");
        let time = Duration::from_secs(self.time);
        let deadline = Instant::now() + time;
        let default = ListClientConfig::default();
        let config = ListClientConfig {
            // A dead server is to be found before the time is over.
            query_timeout: default.query_timeout.min(time * 3 / 4),
            query_interval: Duration::from_secs(1) / self.rate,
            // The list is read only once.
            walk_interval: Duration::from_secs(365 * 86_400),
            ..default
        };
        let name = self.list.domain().to_owned();
        let servers = match List::joined(self.server) {
            servers if servers.is_empty() => Servers::System,
            servers => Servers::At(servers),
        };
        let mut lists = Lists::start(config, &servers, [self.list])?;
        let printed = timeout_at(deadline, print_records(&mut lists, &progress, self.output)).await;
        let (stats, found) = (lists.stats(), lists.progress());
        drop(progress);
        if stats.records == 0 && found.entries == 0 {
            return Err(match lists.last_error() {
                _ if stats.bad_roots > 0 => Failure::ForeignList(name),
                _ if stats.missing_roots > 0 => Failure::NoList(name),
                Some(error) => Failure::ListQuery(error),
                None => Failure::ListTime,
            });
        }
        console::print_error(&summary(
            &stats,
            found.lists,
            lists.last_error().as_ref(),
            printed.is_err(),
        ));
        printed.unwrap_or(Ok(()))
    }
}

/// The last line: what was read, and what is missing and why.
fn summary(
    stats: &ListClientStats,
    lists: usize,
    error: Option<&QueryError>,
    is_cut: bool,
) -> String {
    let unanswered = match error {
        Some(error) => format!("{} unanswered ({error})", stats.unanswered),
        None => format!("{} unanswered", stats.unanswered),
    };
    let refused = match stats.refused.total() {
        0 => String::new(),
        count => format!(", {count} entries refused (wrong hash or not valid)"),
    };
    let missing = match stats.missing {
        0 => String::new(),
        count => format!(", {count} entries missing"),
    };
    let more = if is_cut { "; there may be more (--time)" } else { "" };
    format!(
        "{} records in {lists} lists, {} queries, {unanswered}{refused}{missing}{more}",
        stats.records, stats.queries
    )
}

/// Prints records until the lists are complete.
async fn print_records(
    lists: &mut Lists,
    progress: &Progress,
    output: Output,
) -> Result<(), Failure> {
    let (mut seen, mut state) = (HashSet::new(), lists.watch());
    loop {
        let (now, _) = *state.borrow_and_update();
        progress.show(format!("{} of {} entries", now.entries - now.open, now.entries));
        tokio::select! {
            biased;
            record = lists.next() => match record {
                Some(record) if seen.insert(record.id()) => {
                    progress.suspend(|| print_record(output, &record))?;
                }
                Some(_) => {}
                None => return Ok(()),
            },
            _ = state.changed(), if !now.is_done() => {}
            () = std::future::ready(()), if now.is_done() => return Ok(()),
        }
    }
}

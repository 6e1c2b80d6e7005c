//! `whisper-node discover`: asks single nodes, or the network.

mod client;
mod crawl;
mod dns;
mod listen;
mod lookup;
mod ping;
mod resolve;

use clap::Subcommand;

use super::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ping a node and print the round-trip time
    Ping(ping::Ping),
    /// Find the newest record of a node and print it
    Resolve(resolve::Resolve),
    /// Find the nodes that are nearest to a target, nearest first
    Lookup(lookup::Lookup),
    /// Search the whole network and print every node that answers
    Crawl(crawl::Crawl),
    /// Take part in discovery and print events, until Ctrl-C
    Listen(listen::Listen),
    /// Sign or fetch node lists in the DNS (EIP-1459)
    #[command(subcommand)]
    Dns(dns::Dns),
}

impl Command {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Ping(ping) => ping.run().await,
            Self::Resolve(resolve) => resolve.run().await,
            Self::Lookup(lookup) => lookup.run().await,
            Self::Crawl(crawl) => crawl.run().await,
            Self::Listen(listen) => listen.run().await,
            Self::Dns(dns) => dns.run().await,
        }
    }
}

//! `whisper-node discover`: asks single nodes and the network, without being a part of it for long.

mod crawl;
mod dns;
mod listen;
mod lookup;
mod party;
mod ping;
mod resolve;

use clap::Subcommand;

use super::failure::Failure;

/// What can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ping a node, and say how long the answers took
    Ping(ping::Ping),
    /// Find the newest record of a node, and print it
    Resolve(resolve::Resolve),
    /// Find the nodes nearest to a target in the network, nearest first
    Lookup(lookup::Lookup),
    /// Walk through the network, and print every node that answers
    Crawl(crawl::Crawl),
    /// Take part in the network, and print whom it meets, until Ctrl-C
    Listen(listen::Listen),
    /// Lists of nodes in the DNS (EIP-1459)
    #[command(subcommand)]
    Dns(dns::Dns),
}

/// Does it.
pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Ping(ping) => ping.run().await,
        Command::Resolve(resolve) => resolve.run().await,
        Command::Lookup(lookup) => lookup.run().await,
        Command::Crawl(crawl) => crawl.run().await,
        Command::Listen(listen) => listen.run().await,
        Command::Dns(dns) => dns.run().await,
    }
}

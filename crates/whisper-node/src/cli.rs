//! The command line: parses it and runs the command.

mod bootnode;
mod console;
mod demo;
mod discover;
mod failure;
mod flags;
mod offline;
mod progress;
mod run;
mod stop_signal;

use clap::{Parser, Subcommand};

pub(crate) use failure::Failure;
use flags::Flags;
use offline::{envelope, pow, rlp, rpc};

/// A Whisper node: encrypted publish and subscribe over devp2p, driven through JSON-RPC.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node until Ctrl-C (the default command)
    Run(Box<Flags>),
    /// Run a boot node until Ctrl-C: it only answers discovery, so that other nodes find each other
    Bootnode(bootnode::Bootnode),
    /// Use discovery: ping, resolve, lookup, crawl, listen, and node lists in the DNS
    #[command(subcommand)]
    Discover(discover::Command),
    /// Start three nodes in a line, send one message, and show the time of each hop
    Demo,
    /// Inspect, open and make envelopes, without a network
    #[command(subcommand)]
    Envelope(envelope::Command),
    /// Convert RLP to a readable form and back
    #[command(subcommand)]
    Rlp(rlp::Command),
    /// Describe the JSON-RPC methods
    #[command(subcommand)]
    Rpc(rpc::Command),
    /// Measure the proof of work
    #[command(subcommand)]
    Pow(pow::Command),
}

impl Cli {
    /// Runs the command.
    pub(crate) async fn execute(self) -> Result<(), Failure> {
        match self.command {
            None => run::run(self.flags).await,
            Some(Command::Run(flags)) => run::run(*flags).await,
            Some(Command::Bootnode(bootnode)) => bootnode.run().await,
            Some(Command::Discover(command)) => command.run().await,
            Some(Command::Demo) => demo::run().await,
            Some(Command::Envelope(command)) => command.run().await,
            Some(Command::Rlp(command)) => command.run(),
            Some(Command::Rpc(command)) => command.run(),
            Some(Command::Pow(command)) => command.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_work_with_and_without_the_command_run() {
        for words in [&["whisper-node", "--port", "7"][..], &["whisper-node", "run", "--port", "7"]]
        {
            let flags = match Cli::try_parse_from(words).unwrap() {
                Cli { command: Some(Command::Run(flags)), .. } => *flags,
                Cli { command: None, flags } => flags,
                other => panic!("{other:?}"),
            };
            assert_eq!(flags.network.port, 7);
        }
    }

    #[test]
    fn limits_are_parsed() {
        let words = [
            "whisper-node",
            "--shh.peerrate",
            "5",
            "--shh.ipbytes",
            "1000",
            "--shh.unlimitednets",
            "10.0.0.0/8",
        ];
        let rates = Cli::try_parse_from(words).unwrap().flags.whisper.rates;
        assert_eq!(rates.shh_peer_rate.map(NonZeroU32::get), Some(5));
        assert_eq!(rates.shh_ip_bytes.map(NonZeroU32::get), Some(1000));
        assert_eq!((rates.shh_ip_rate, rates.shh_tolerance), (None, 100));
        assert!(rates.shh_unlimited_nets.allows("10.1.2.3".parse().unwrap()));
        for bad in [["--shh.peerrate", "0"], ["--shh.unlimited", "12"]] {
            assert!(Cli::try_parse_from(["whisper-node", bad[0], bad[1]]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn lists_are_comma_separated_and_checked() {
        let id = p2p_identity::SecretKey::random(&mut rand::rng()).id();
        let nodes = format!("enode://{id}@127.0.0.1:30303,enode://{id}@[::1]:30304");
        match Cli::try_parse_from([
            "whisper-node",
            "--staticnodes",
            &nodes,
            "--netrestrict",
            "10.0.0.0/8,127.0.0.0/8",
        ]) {
            Ok(cli) => {
                assert_eq!(cli.flags.network.discovery.staticnodes.len(), 2);
                assert_eq!(cli.flags.network.netrestrict.unwrap().networks().len(), 2);
            }
            Err(error) => panic!("{error}"),
        }
        let access = ["whisper-node", "--allow", &id.to_string(), "--ban", "10.1.0.0/16,192.0.2.1"];
        let access = Cli::try_parse_from(access).unwrap().flags.network.access;
        assert_eq!((access.allow, access.ban.len()), (Some(vec![id]), 2));
        for bad in [
            ["--allow", "10.0.0.0/8"],
            ["--ban", "10.0.0.0/33"],
            ["--staticnodes", "enode://12@1.2.3.4:5"],
            ["--netrestrict", "10.0.0.0"],
            ["--nat", "sideways"],
            ["--nat", "pmp:::1"],
            ["--verbosity", "6"],
        ] {
            assert!(
                Cli::try_parse_from([&["whisper-node"], &bad[..]].concat()).is_err(),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_node_asks_a_router_and_a_boot_node_does_not() {
        for nat in ["any", "upnp", "pmp", "pmp:127.0.0.1"] {
            assert!(Cli::try_parse_from(["whisper-node", "--nat", nat]).is_ok(), "{nat}");
            let boot = Cli::try_parse_from(["whisper-node", "bootnode", "--nat", nat]);
            assert!(
                boot.is_err_and(|error| error.to_string().contains("does not ask the router")),
                "{nat}"
            );
        }
        let boot = ["whisper-node", "bootnode", "--nat", "extip:203.0.113.7"];
        assert!(Cli::try_parse_from(boot).is_ok());
    }
}

//! The command line: parses it and runs the command.

mod bootnode;
mod client;
mod config;
mod console;
mod demo;
mod discover;
mod doctor;
mod failure;
mod flags;
mod history;
mod network;
mod offline;
mod process;
mod progress;
mod run;

use std::ffi::OsString;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub(crate) use console::print_error;
pub(crate) use failure::Failure;
use flags::Flags;
use offline::{audit, envelope, key, manual, pow, rlp, rpc, store, team};

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
    /// Check, show or print a configuration
    #[command(subcommand)]
    Config(offline::config::Command),
    /// Make a private network, run it on this machine as a trial, and look at it
    #[command(subcommand)]
    Network(network::Command),
    /// Copy what a stopped node keeps: its key, its configuration, its known nodes, its archive
    Backup(process::backup::Backup),
    /// Check a backup, and copy it into an empty data directory
    Restore(process::backup::Restore),
    /// Say why there are no peers or no messages, and what to do
    Doctor(doctor::Doctor),
    /// Send a message over a running node, and wait until peers have it
    Send(client::send::Send),
    /// Print the messages that a running node receives, one JSON object a line
    Listen(client::listen::Listen),
    /// Chat with others on a topic, in the terminal, over a running node
    Chat(client::chat::Chat),
    /// Show what a running node does, again each second
    Top(client::top::Top),
    /// Send a file over a running node, or receive one; an interrupted transfer goes on where it stopped
    #[command(subcommand)]
    File(client::file::Command),
    /// Ask the nodes that consent where an envelope is, which way it took, and where it stopped
    Trace(client::trace::Trace),
    /// Run a boot node until Ctrl-C: it only answers discovery, so that other nodes find each other
    Bootnode(bootnode::Bootnode),
    /// Use discovery: ping, resolve, lookup, crawl, listen, and node lists in the DNS
    #[command(subcommand)]
    Discover(discover::Command),
    /// Start three nodes in a line, send one message, and show the time of each hop; or show a network in a browser
    Demo(demo::Demo),
    /// Show what archives have stored: everything, or what was missed since the last call
    History(Box<history::HistoryCommand>),
    /// Inspect, open and make envelopes, without a network
    #[command(subcommand)]
    Envelope(envelope::Command),
    /// Convert RLP to a readable form and back
    #[command(subcommand)]
    Rlp(rlp::Command),
    /// Describe the JSON-RPC methods
    #[command(subcommand)]
    Rpc(rpc::Command),
    /// Work with private keys in files: keystore files of version 3, and node keys
    #[command(subcommand)]
    Key(Box<key::Command>),
    /// Check an audit log
    #[command(subcommand)]
    Audit(audit::Command),
    /// Make teams that share a node, and their tokens
    #[command(subcommand)]
    Team(team::Command),
    /// Work with the store of a stopped node (--store)
    #[command(subcommand)]
    Store(store::Command),
    /// Measure the proof of work
    #[command(subcommand)]
    Pow(pow::Command),
    /// Write the man pages into a folder
    Man(manual::Man),
    /// Print completions of commands and flags for a shell
    Completions(manual::Completions),
}

/// A command line that was parsed.
#[derive(Debug)]
pub(crate) struct Invocation {
    cli: Cli,
    matches: ArgMatches,
}

/// The whole command line.
fn command() -> clap::Command {
    fn with_switches(command: clap::Command) -> clap::Command {
        let names: Vec<_> =
            command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
        names.iter().fold(config::with_switches(command), |command, name| {
            command.mut_subcommand(name, with_switches)
        })
    }
    with_switches(Cli::command())
}

impl Invocation {
    /// Parses the words of a command line. The first one is the name of the program.
    pub(crate) fn parse<W: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = W>,
    ) -> Result<Self, clap::Error> {
        let matches = command().try_get_matches_from(words)?;
        Ok(Self { cli: Cli::from_arg_matches(&matches)?, matches })
    }

    /// Runs the command.
    pub(crate) async fn execute(self) -> Result<(), Failure> {
        let inner = self.matches.subcommand().map_or(&self.matches, |(_, inner)| inner);
        match self.cli.command {
            None | Some(Command::Run(_)) => {
                run::run(config::Sources::new(&config::Settings::of_a_node(), inner)).await
            }
            Some(Command::Config(command)) => command.run(inner),
            Some(Command::Network(command)) => command.run().await,
            Some(Command::Backup(command)) => command.run(),
            Some(Command::Restore(command)) => command.run(),
            Some(Command::Doctor(doctor)) => doctor.run().await,
            Some(Command::Send(command)) => command.run().await,
            Some(Command::Listen(command)) => command.run().await,
            Some(Command::Chat(command)) => command.run().await,
            Some(Command::Top(command)) => command.run().await,
            Some(Command::File(command)) => command.run().await,
            Some(Command::Trace(command)) => command.run().await,
            Some(Command::Bootnode(bootnode)) => bootnode.run().await,
            Some(Command::Discover(command)) => command.run().await,
            Some(Command::Demo(demo)) => demo.run().await,
            Some(Command::History(history)) => history.run().await,
            Some(Command::Envelope(command)) => command.run().await,
            Some(Command::Rlp(command)) => command.run(),
            Some(Command::Rpc(command)) => command.run(),
            Some(Command::Key(command)) => command.run(),
            Some(Command::Audit(command)) => command.run(),
            Some(Command::Team(command)) => command.run(),
            Some(Command::Store(command)) => command.run(),
            Some(Command::Pow(command)) => command.run(),
            Some(Command::Man(man)) => man.run(command()),
            Some(Command::Completions(completions)) => completions.run(command()),
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
                assert_eq!(flags::List::joined(cli.flags.network.discovery.staticnodes).len(), 2);
                assert_eq!(cli.flags.network.netrestrict.unwrap().networks().len(), 2);
            }
            Err(error) => panic!("{error}"),
        }
        let access = ["whisper-node", "--allow", &id.to_string(), "--ban", "10.1.0.0/16,192.0.2.1"];
        let access = Cli::try_parse_from(access).unwrap().flags.network.access;
        assert_eq!(access.allow.map(flags::List::joined), Some(vec![id]));
        assert_eq!(flags::List::joined(access.ban).len(), 2);
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

    /// An entry for each list flag: the command, the flag, and two entries of its list.
    fn list_flags() -> Vec<(&'static str, &'static str, [String; 2])> {
        let id = |n: u8| p2p_identity::SecretKey::from_bytes(&[n; 32]).unwrap().id();
        let ids = || [id(1).to_string(), id(2).to_string()];
        let nodes = || [1, 2].map(|n| format!("enode://{}@127.0.0.{n}:30303", id(n)));
        let both = |first: &str, second: &str| [first.to_owned(), second.to_owned()];
        let nets = || both("10.0.0.0/8", "192.0.2.0/24");
        let lists = || {
            let key = "AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2";
            ["a", "b"].map(|name| format!("enrtree://{key}@{name}.example.org"))
        };
        let records = || {
            [1, 2].map(|n| {
                let key = p2p_identity::SecretKey::from_bytes(&[n; 32]).unwrap();
                let content = p2p_identity::Content::new().ip([127, 0, 0, n].into()).udp(9);
                p2p_identity::Record::sign(&key, 1, &content).unwrap().to_string()
            })
        };
        let names = || both("net", "shh");
        vec![
            ("", "addr", both("127.0.0.1", "::1")),
            ("", "netrestrict", nets()),
            ("", "ownnets", nets()),
            ("", "discovery.dns", lists()),
            ("", "bootnodes", nodes()),
            ("", "bootnodesv5", records()),
            ("", "archive.clients", ids()),
            ("", "staticnodes", nodes()),
            ("", "trustednodes", nodes()),
            ("", "allow", ids()),
            ("", "secnodes", ids().map(|id| format!("{id}=off"))),
            ("", "ban", both("10.0.0.0/8", "192.0.2.1")),
            ("", "http.api", names()),
            ("", "http.corsdomain", both("https://a.example", "http://localhost:1")),
            ("", "http.vhosts", both("a.example", "localhost")),
            ("", "ws.api", names()),
            ("", "ws.origins", both("https://a.example", "localhost")),
            ("", "shh.seal", both("1.8", "1.9")),
            ("", "shh.unlimited", ids()),
            ("", "shh.unlimitednets", nets()),
            ("", "log.levels", both("p2p_server=debug", "whisper_protocol::relay=5")),
            ("bootnode", "log.levels", both("p2p_discovery=debug", "p2p_identity=off")),
            ("bootnode", "bootnodes", nodes()),
            ("discover crawl", "bootnodes", nodes()),
            ("discover listen", "bootnodes", nodes()),
            ("discover lookup", "bootnodes", nodes()),
            ("discover resolve", "bootnodes", nodes()),
            ("discover dns sign", "links", lists()),
            ("discover dns fetch", "server", both("127.0.0.1:53", "[::1]:53")),
            ("rpc discover", "api", names()),
            ("network init", "hosts", both("10.0.0.1", "node.example.org")),
        ]
    }

    /// The value of the flag as it was parsed, or the error.
    fn parse_list(command: &str, flag: &str, value: &str) -> Result<String, String> {
        let mut words = vec!["whisper-node"];
        words.extend(command.split_whitespace());
        let id = "ab".repeat(64);
        let more = match command {
            "discover resolve" => id.as_str(),
            "discover dns sign" => "--key k --domain d --seq 1",
            "discover dns fetch" => {
                "enrtree://AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2@c.example.org"
            }
            "" if flag == "archive.clients" => "--archive dir",
            "network init" => "acme",
            _ => "",
        };
        words.extend(more.split_whitespace());
        let (flag, value) = (format!("--{flag}"), value.to_owned());
        words.extend([flag.as_str(), value.as_str()]);
        match Cli::try_parse_from(words) {
            Ok(cli) => Ok(format!("{cli:?}")),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn every_list_flag_drops_blanks_and_empty_entries_and_refuses_quotes() {
        for (command, flag, [first, second]) in list_flags() {
            let what = format!("{command} --{flag}");
            let plain = parse_list(command, flag, &format!("{first},{second}")).unwrap();
            for spaced in [
                format!("{first}, {second}"),
                format!(" {first} ,{second} "),
                format!("{first},{second},"),
                format!(",{first},, ,{second}"),
            ] {
                assert_eq!(
                    parse_list(command, flag, &spaced).as_ref(),
                    Ok(&plain),
                    "{what} {spaced:?}"
                );
            }
            let empty = parse_list(command, flag, "");
            if flag == "shh.seal" {
                // A message cannot be sealed for no rule.
                assert!(empty.is_err(), "{what}: {empty:?}");
                continue;
            }
            assert!(empty.is_ok(), "{what}: {empty:?}");
            assert_eq!(parse_list(command, flag, " , "), empty, "{what}");
            for quoted in ["\"*\"", "'*'", "\"localhost\"", &format!("\"{first}\"")] {
                assert!(parse_list(command, flag, quoted).is_err(), "{what} {quoted}");
            }
        }
    }

    /// Finds the list flags by their help, so that a new one is not forgotten.
    #[test]
    fn the_table_has_every_list_flag() {
        fn find(command: &clap::Command, path: &str, found: &mut Vec<(String, String)>) {
            for argument in command.get_arguments() {
                assert_eq!(argument.get_value_delimiter(), None, "{path} {}", argument.get_id());
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                if help.to_lowercase().contains("comma-separated")
                    && let Some(flag) = argument.get_long()
                {
                    found.push((path.to_owned(), flag.to_owned()));
                }
            }
            for inner in command.get_subcommands() {
                find(inner, format!("{path} {}", inner.get_name()).trim(), found);
            }
        }
        let mut found = Vec::new();
        find(&Cli::command(), "", &mut found);
        // These have the flags of the default command.
        found.retain(|(command, _)| command != "run" && !command.starts_with("config "));
        found.sort();
        let listed = list_flags().into_iter();
        let mut listed: Vec<_> =
            listed.map(|(command, flag, _)| (command.to_owned(), flag.to_owned())).collect();
        listed.sort();
        assert_eq!(found, listed);
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for (flag, bad) in [
            ("http.corsdomain", "app.example"),
            ("http.corsdomain", "https://app.example/path"),
            ("ws.origins", "https://app.example/path"),
            ("http.vhosts", "http://localhost"),
        ] {
            assert!(parse_list("", flag, bad).is_err(), "--{flag} {bad}");
        }
    }

    #[test]
    fn old_flags_of_go_ethereum_work() {
        let old = |words: &str| {
            let words = ["whisper-node"].into_iter().chain(words.split_whitespace());
            format!("{:?}", Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")))
        };
        for (flags, ours) in [
            ("--rpc --ws", "--http --ws"),
            ("--rpcaddr 127.0.0.2 --rpcport 7", "--http.addr 127.0.0.2 --http.port 7"),
            ("--rpcapi net --rpcvhosts *", "--http.api net --http.vhosts *"),
            ("--rpccorsdomain *", "--http.corsdomain *"),
            ("--wsaddr 127.0.0.2 --wsport 7", "--ws.addr 127.0.0.2 --ws.port 7"),
            ("--wsapi net --wsorigins *", "--ws.api net --ws.origins *"),
        ] {
            assert_eq!(old(flags), old(ours), "{flags}");
        }
        old("--shh --shh.pow 0.2");
    }
}

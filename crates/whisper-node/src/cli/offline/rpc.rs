//! `whisper-node rpc`: describes the JSON-RPC methods, without a node.

use std::str::FromStr as _;

use clap::Subcommand;
use whisper_rpc::{Namespace, openrpc};

use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::{List, list};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the OpenRPC document: every method with its parameters, result and errors
    Discover {
        /// Only these namespaces, comma-separated, and rpc [default: all]
        #[arg(long, value_name = "NAMES", value_parser = list(Namespace::from_str))]
        api: Vec<List<Namespace>>,
    },
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self::Discover { api } = self;
        let api = List::joined(api);
        let api = if api.is_empty() { Namespace::ALL.to_vec() } else { api };
        console::print(&format!("{:#}", openrpc(&api)))
    }
}

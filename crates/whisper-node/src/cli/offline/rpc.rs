//! `whisper-node rpc`: describes the JSON-RPC methods, without a node.

use clap::Subcommand;
use whisper_rpc::{Namespace, openrpc};

use crate::cli::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the OpenRPC document: every method with its parameters, result and errors
    Discover {
        /// Only these namespaces, and rpc [default: all]
        #[arg(long, value_delimiter = ',', value_name = "NAMES")]
        api: Vec<Namespace>,
    },
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self::Discover { api } = self;
        let api = if api.is_empty() { Namespace::ALL.to_vec() } else { api };
        println!("{:#}", openrpc(&api));
        Ok(())
    }
}

//! `whisper-node rpc`: about the JSON-RPC, without a node.

use clap::Subcommand;
use whisper_rpc::{Namespace, openrpc};

use super::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Rpc {
    /// Print the OpenRPC document: every method with its parameters, answers and errors
    Discover {
        /// Only these namespaces, and rpc [default: all]
        #[arg(long, value_delimiter = ',', value_name = "NAMES")]
        api: Vec<Namespace>,
    },
}

impl Rpc {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self::Discover { api } = self;
        let api = if api.is_empty() { Namespace::ALL.to_vec() } else { api };
        println!("{:#}", openrpc(&api));
        Ok(())
    }
}

//! `whisper-node listen`: prints messages as they arrive.

use clap::Args;
use serde::Serialize;
use whisper_rpc::client::{ShhClient as _, ShhSubscriptions as _};
use whisper_rpc::types::{Criteria, HexBytes, MessageJson};

use super::channel::Channel;
use super::connection::Target;
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::print_json;
use crate::cli::process::stop_signal::stop_signal;

/// The flags of the command.
#[derive(Args, Debug)]
pub(crate) struct Listen {
    #[command(flatten)]
    channel: Channel,

    #[command(flatten)]
    target: Target,

    /// End after this number of messages [default: do not end]
    #[arg(long, value_name = "N")]
    count: Option<usize>,
}

/// A message, as it is printed.
#[derive(Serialize)]
struct Line<'a> {
    hash: &'a HexBytes,
    topic: HexBytes,
    /// When it was sent, in seconds since 1970.
    timestamp: u32,
    /// The public key that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<&'a HexBytes>,
    payload: &'a HexBytes,
    /// The payload, if it is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl Listen {
    /// Prints messages until a signal to stop, or until there were enough.
    ///
    /// # Errors
    ///
    /// The connection to the node ends.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let stop = stop_signal().map_err(Failure::Signals)?;
        let node = self.target.connect().await?;
        let key = self.channel.add_key(&node).await?;
        let topics = vec![self.channel.topic().into()];
        let criteria = Criteria { sym_key_id: key.clone(), topics, ..Criteria::default() };
        let mut messages = node.messages(&criteria).await.map_err(Failure::Call)?;
        console::print_error("listening");
        let print_all = async {
            let mut left = self.count.unwrap_or(usize::MAX);
            while left > 0 {
                let message = messages.next().await.ok_or(Failure::NodeGone)?;
                print(&message.map_err(|source| Failure::Call(source.into()))?)?;
                left -= 1;
            }
            Ok(())
        };
        let ended = tokio::select! {
            () = stop => Ok(()),
            ended = print_all => ended,
        };
        // The node may be gone, and its keys with it.
        let _ = node.delete_sym_key(&key).await;
        ended
    }
}

fn print(message: &MessageJson) -> Result<(), Failure> {
    let line = Line {
        hash: &message.hash,
        topic: message.topic.0.to_vec().into(),
        timestamp: message.timestamp,
        sig: message.sig.as_ref(),
        payload: &message.payload,
        text: std::str::from_utf8(message.payload.as_slice()).ok(),
    };
    print_json(&line)
}

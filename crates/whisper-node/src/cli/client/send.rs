//! `whisper-node send`: sends one message.

use clap::Args;
use serde::Serialize;
use whisper_rpc::client::ShhClient as _;
use whisper_rpc::types::{HexBytes, NewMessage, PostState, ReceiptJson};

use super::channel::Channel;
use super::connection::{Connection, Target};
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::print_json;

/// Maximum time of one question for the receipt, in seconds: less than that of a call.
const MAX_WAIT_SECS: u32 = 20;

/// The flags of the command.
#[derive(Args, Debug)]
pub(crate) struct Send {
    /// The text. Without it, all of standard input
    text: Option<String>,

    #[command(flatten)]
    channel: Channel,

    #[command(flatten)]
    target: Target,

    /// Time to live of the message, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    ttl: u32,

    /// Work of the message
    #[arg(long, value_name = "POW", default_value_t = whisper_protocol::Config::default().min_work.get())]
    pow: f64,

    /// Maximum time for the work, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pow_time: u32,

    /// Maximum time to wait until peers have kept the message, in seconds; 0: do not wait
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    wait: u32,
}

/// What is printed.
#[derive(Serialize)]
struct Line {
    hash: HexBytes,
    #[serde(flatten)]
    receipt: ReceiptJson,
}

impl Send {
    /// Sends the message, and prints its hash and what became of it.
    ///
    /// # Errors
    ///
    /// The node does not take it, or no peer has kept it in time.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let payload = console::read_text(self.text)?.into_bytes();
        let node = self.target.connect().await?;
        let key = self.channel.add_key(&node).await?;
        let message = NewMessage {
            sym_key_id: key.clone(),
            ttl: self.ttl,
            topic: self.channel.topic(),
            payload: payload.into(),
            pow_time: self.pow_time,
            pow_target: self.pow,
            ..NewMessage::default()
        };
        let posted = node.post(&message).await.map_err(Failure::Call);
        // The node may be gone, and its keys with it.
        let _ = node.delete_sym_key(&key).await;
        let hash = posted?;
        let receipt = ended(&node, &hash, self.wait).await?;
        let (state, error) = (receipt.state, not_delivered(&receipt));
        let line = Line { hash, receipt };
        print_json(&line)?;
        match state {
            PostState::Delivered => Ok(()),
            PostState::Pending if self.wait == 0 => Ok(()),
            _ => Err(Failure::NotDelivered(error)),
        }
    }
}

/// The receipt of the post, as soon as it has ended, or after `seconds`.
pub(super) async fn ended(
    node: &Connection,
    hash: &HexBytes,
    seconds: u32,
) -> Result<ReceiptJson, Failure> {
    let mut left = seconds;
    loop {
        // The node answers when the post has ended, or after this time.
        let wait = left.min(MAX_WAIT_SECS);
        let receipt = node.receipt(hash, Some(wait)).await.map_err(Failure::Call)?;
        let receipt = receipt.unwrap_or_default();
        left -= wait;
        if receipt.state != PostState::Pending || left == 0 {
            return Ok(receipt);
        }
    }
}

/// Why the message is not known to have arrived.
pub(super) fn not_delivered(receipt: &ReceiptJson) -> String {
    let peers = receipt.handed.unwrap_or(0);
    match receipt.state {
        PostState::Pending if peers == 0 => {
            "there is no peer yet that it could be sent to".to_owned()
        }
        PostState::Pending => format!("no peer has kept it yet, of {peers} that it was sent to"),
        PostState::Refused => {
            format!("a peer refused it: {}", receipt.why.as_deref().unwrap_or("no reason"))
        }
        PostState::Unsent => "there was no peer to send it to".to_owned(),
        PostState::Expired => "it expired before a peer kept it".to_owned(),
        PostState::Evicted => "the node's pool is full of envelopes with more work".to_owned(),
        PostState::Left => "the peer that it was addressed to left".to_owned(),
        PostState::Untracked => "the node follows too many posts".to_owned(),
        PostState::Stopped => "the node stopped".to_owned(),
        PostState::Delivered => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_waits_for_a_peer_says_so() {
        let pending = |handed| ReceiptJson { handed, ..ReceiptJson::default() };
        for none in [None, Some(0)] {
            assert!(not_delivered(&pending(none)).starts_with("there is no peer yet"));
        }
        assert!(not_delivered(&pending(Some(2))).contains("of 2 that it was sent to"));
    }
}

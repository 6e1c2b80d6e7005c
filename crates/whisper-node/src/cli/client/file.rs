//! `whisper-node file`: sends a file over a topic, in pieces, and receives it. What was received of it before is not sent again.
//!
//! The receiver asks for the pieces it lacks, a few at a time, and the sender answers. So neither needs more memory than for these,
//! and a transfer goes on where it stopped.

mod message;
mod receive;
mod send;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use clap::{Args, Subcommand};
use keccak_lanes::Keccak256;
use whisper_rpc::client::{ShhClient as _, ShhSubscriptions as _};
use whisper_rpc::types::{Criteria, MessageJson, NewMessage};

use super::channel::Channel;
use super::connection::{Connection, Target};
use crate::cli::failure::Failure;
use message::FileMessage;

/// Time to live of a piece, in seconds. It is asked for again if it is lost.
const TTL_SECS: u32 = 30;

/// Maximum time for the work of a piece, in seconds.
const WORK_SECS: u32 = 30;

/// Size of the parts in which a file is read, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// The commands about files.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a file to those who receive on the topic, until one of them has it
    Send(send::Send),
    /// Receive the next file that is offered on the topic, or go on with one
    Receive(receive::Receive),
}

impl Command {
    /// Sends or receives a file.
    ///
    /// # Errors
    ///
    /// No node answers, the file cannot be read or written, or the other end stops.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Send(send) => send.run().await,
            Self::Receive(receive) => receive.run().await,
        }
    }
}

/// The flags of both ends: over which node, and how the messages are.
#[derive(Args, Debug)]
pub(crate) struct MessageArgs {
    #[command(flatten)]
    channel: Channel,

    #[command(flatten)]
    target: Target,

    /// Work of the messages
    #[arg(long, value_name = "POW", default_value_t = whisper_protocol::Config::default().min_work.get())]
    pow: f64,
}

/// The topic of a transfer, at a running node.
struct Topic {
    node: Connection,
    key: String,
    topic: whisper_envelope::Topic,
    /// Work of the messages.
    pow: f64,
}

impl Topic {
    async fn open(args: &MessageArgs) -> Result<Self, Failure> {
        let node = args.target.connect().await?;
        let key = args.channel.add_key(&node).await?;
        Ok(Self { node, key, topic: args.channel.topic(), pow: args.pow })
    }

    /// The messages from now on. What an earlier transfer has left in the pool is not for this one.
    async fn messages(
        &self,
    ) -> Result<jsonrpsee::core::client::Subscription<MessageJson>, Failure> {
        let criteria = Criteria {
            sym_key_id: self.key.clone(),
            topics: vec![self.topic.into()],
            ..Criteria::default()
        };
        self.node.messages(&criteria).await.map_err(Failure::Call)
    }

    async fn post(&self, message: &FileMessage) -> Result<(), Failure> {
        let message = NewMessage {
            sym_key_id: self.key.clone(),
            ttl: TTL_SECS,
            topic: self.topic,
            payload: p2p_mux::rlp::encode(message).into(),
            pow_time: WORK_SECS,
            pow_target: self.pow,
            ..NewMessage::default()
        };
        self.node.post(&message).await.map(drop).map_err(Failure::Call)
    }

    /// Removes the key from the node. The node may be gone, and its keys with it.
    async fn close(self) {
        let _ = self.node.delete_sym_key(&self.key).await;
    }
}

/// The message of this module in a message of the topic; `None` if it is another one.
fn file_message(message: &MessageJson) -> Option<FileMessage> {
    p2p_mux::rlp::decode(message.payload.as_slice()).ok()
}

/// The hash of a file's content, and its size.
fn hash_of(path: &Path) -> io::Result<([u8; 32], u64)> {
    let (mut file, mut hash, mut size) = (File::open(path)?, Keccak256::new(), 0);
    let mut part = vec![0; READ_BYTES];
    loop {
        match file.read(&mut part)? {
            0 => return Ok((hash.finalize(), size)),
            read => {
                hash.update(&part[..read]);
                size += read as u64;
            }
        }
    }
}

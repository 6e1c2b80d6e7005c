//! A channel of messages: its topic, and its key or the password from which it is derived.

use std::path::PathBuf;

use clap::Args;
use whisper_envelope::Topic;
use whisper_protocol::SymmetricKey;
use whisper_rpc::client::ShhClient as _;

use super::connection::Connection;
use crate::cli::failure::Failure;
use crate::cli::flags::{PASSWORD, Secret, read_password, topic};
use crate::cli::offline::envelope::symmetric_key;

/// The flags of a channel.
#[derive(Args, Clone, Debug)]
pub(super) struct Channel {
    /// Topic: 0x and 8 hex digits, or a name, whose hash is the topic
    #[arg(long, value_parser = topic)]
    topic: Topic,

    /// File whose first line is the password of the topic. Without it, the password is read from the variable
    /// WHISPER_PASSWORD, or asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// The key of the topic in place of a password, 64 hex digits; or file:PATH, env:NAME, ask
    #[arg(long, value_name = "SECRET", conflicts_with = "password_file")]
    sym_key: Option<Secret>,
}

impl Channel {
    pub(super) fn topic(&self) -> Topic {
        self.topic
    }

    /// Adds the key of the channel to the node. Returns its id.
    pub(super) async fn add_key(&self, node: &Connection) -> Result<String, Failure> {
        let key = match (&self.password_file, &self.sym_key) {
            (_, Some(key)) => {
                symmetric_key(key.read("--sym-key", "The key of the topic, 64 hex digits")?.trim())?
            }
            (Some(file), None) => read_password("--password-file", file)?,
            (None, None) => {
                let password = Secret::variable_or_ask(PASSWORD);
                let password = password.read("--password-file", "Password of the topic");
                let password = password.map_err(|failure| match failure {
                    Failure::NoTerminal { .. } | Failure::SecretEmpty { .. } => {
                        Failure::PasswordMissing
                    }
                    other => other,
                })?;
                SymmetricKey::from_password(password.as_bytes())
            }
        };
        node.add_sym_key(&key.as_bytes().to_vec().into()).await.map_err(Failure::Call)
    }
}

//! A channel of messages: its topic, and the password from which its key is derived.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use whisper_envelope::Topic;
use whisper_protocol::SymmetricKey;
use whisper_rpc::client::ShhClient as _;
use zeroize::Zeroizing;

use super::connection::Connection;
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::{read_password, topic};

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
}

impl Channel {
    pub(super) fn topic(&self) -> Topic {
        self.topic
    }

    /// Adds the key of the channel to the node. Returns its id.
    pub(super) async fn add_key(&self, node: &Connection) -> Result<String, Failure> {
        let key = match &self.password_file {
            Some(file) => read_password("--password-file", file)?,
            None => SymmetricKey::from_password(password()?.as_bytes()),
        };
        node.add_sym_key(&key.as_bytes().to_vec().into()).await.map_err(Failure::Call)
    }
}

/// The password in the environment, or the one that the user types.
fn password() -> Result<Zeroizing<String>, Failure> {
    let text = match std::env::var("WHISPER_PASSWORD") {
        Ok(password) => password,
        Err(_) if io::stdin().is_terminal() => {
            console::print_error("Password of the topic:");
            rpassword::read_password().map_err(Failure::Input)?
        }
        Err(_) => String::new(),
    };
    match text.is_empty() {
        true => Err(Failure::PasswordMissing),
        false => Ok(Zeroizing::new(text)),
    }
}

//! A channel of messages: its topic, and the password from which its key is derived.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use whisper_envelope::Topic;
use whisper_protocol::SymmetricKey;
use whisper_rpc::client::ShhClient as _;
use zeroize::Zeroizing;

use super::connection::Connection;
use crate::cli::console;
use crate::cli::failure::Failure;

/// The flags of a channel.
#[derive(Args, Clone, Debug)]
pub(super) struct Channel {
    /// Topic: a name, of which Keccak-256 is taken, or 4 bytes in hexadecimal (0x…)
    #[arg(long)]
    topic: TopicName,

    /// File whose first line is the password of the topic. Without it, the password is read from the variable
    /// WHISPER_PASSWORD, or asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// A topic by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TopicName(Topic);

impl FromStr for TopicName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = match text.strip_prefix("0x") {
            Some(digits) => hex::decode(digits).map_err(|error| error.to_string())?,
            None => keccak_lanes::keccak256(text.as_bytes())[..4].to_vec(),
        };
        let topic = bytes.try_into().map_err(|_| "a topic has 4 bytes")?;
        Ok(Self(Topic(topic)))
    }
}

impl Channel {
    pub(super) fn topic(&self) -> Topic {
        self.topic.0
    }

    /// Adds the key of the channel to the node. Returns its id.
    pub(super) async fn add_key(&self, node: &Connection) -> Result<String, Failure> {
        let password = self.password()?;
        let key = SymmetricKey::from_password(password.as_bytes());
        node.add_sym_key(&key.as_bytes().to_vec().into()).await.map_err(Failure::Call)
    }

    fn password(&self) -> Result<Zeroizing<String>, Failure> {
        let text = match (&self.password_file, std::env::var("WHISPER_PASSWORD")) {
            (Some(file), _) => {
                let text = fs::read_to_string(file).map(Zeroizing::new);
                let failed = |source| Failure::PasswordFile { path: file.clone(), source };
                let text = text.map_err(failed)?;
                text.lines().next().unwrap_or_default().to_owned()
            }
            (None, Ok(password)) => password,
            (None, Err(_)) if io::stdin().is_terminal() => {
                console::print_error("Password of the topic:");
                rpassword::read_password().map_err(Failure::Input)?
            }
            (None, Err(_)) => String::new(),
        };
        match text.is_empty() {
            true => Err(Failure::NoPassword),
            false => Ok(Zeroizing::new(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_given_by_a_name_or_by_its_bytes() {
        // The convention of the chats in `examples`.
        assert_eq!("0x6e657773".parse(), Ok(TopicName(Topic(*b"news"))));
        let of_name = "news".parse::<TopicName>().unwrap().0;
        assert_eq!(of_name.0[..], keccak_lanes::keccak256(b"news")[..4]);
        for bad in ["0x6e65", "0x6e6577730a", "0xzz"] {
            assert!(bad.parse::<TopicName>().is_err(), "{bad}");
        }
    }
}

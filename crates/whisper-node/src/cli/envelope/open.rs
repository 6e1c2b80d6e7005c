//! What an envelope says to who has the key.

use clap::Args;
use p2p_identity::SecretKey;
use whisper_envelope::{Message, SymmetricKey};

use super::{Input, symmetric};
use crate::cli::failure::Failure;
use crate::cli::input::{hex, print};

/// Which envelope, and with which key.
#[derive(Args, Debug)]
pub(crate) struct Open {
    #[command(flatten)]
    input: Input,

    #[command(flatten)]
    key: Key,
}

/// A key. Other users of the machine can read the command line.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Key {
    /// The symmetric key, 64 hex digits
    #[arg(long, value_name = "HEX")]
    sym_key: Option<String>,

    /// The password that the symmetric key is made of
    #[arg(long, value_name = "TEXT")]
    password: Option<String>,

    /// The private key, 64 hex digits
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
}

impl Open {
    /// Opens it and prints the message.
    pub(super) fn run(self) -> Result<(), Failure> {
        let envelope = self.input.envelope()?;
        let message = match self.key {
            Key { sym_key: Some(digits), .. } => envelope.open_symmetric(&symmetric(&digits)?)?,
            Key { password: Some(password), .. } => {
                envelope.open_symmetric(&SymmetricKey::from_password(password.as_bytes()))?
            }
            Key { key, .. } => {
                let digits = key.unwrap_or_default();
                envelope.open_asymmetric(&SecretKey::from_hex(&digits).map_err(Failure::Key)?)?
            }
        };
        print(&describe(&message))
    }
}

/// One `name  value` a line.
fn describe(message: &Message) -> String {
    let signer = message.signer.map_or("none".to_owned(), |key| hex(key.to_uncompressed()));
    let mut page = format!(
        "payload         {}\npadding         {}\nsigner          {signer}",
        hex(&message.payload),
        hex(&message.padding),
    );
    // Control characters could do anything to a terminal.
    if let Ok(text) = str::from_utf8(&message.payload)
        && !text.chars().any(char::is_control)
    {
        page.push_str("\ntext            ");
        page.push_str(text);
    }
    page
}

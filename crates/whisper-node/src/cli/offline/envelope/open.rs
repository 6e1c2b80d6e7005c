//! Opens an envelope.

use clap::Args;
use p2p_identity::SecretKey;
use whisper_envelope::{Message, SymmetricKey};

use super::{EnvelopeArgs, symmetric_key};
use crate::cli::console::{hex, print};
use crate::cli::failure::Failure;

#[derive(Args, Debug)]
pub(crate) struct Open {
    #[command(flatten)]
    envelope: EnvelopeArgs,

    #[command(flatten)]
    key: KeyArgs,
}

/// The key. Other users of the machine can read the command line.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct KeyArgs {
    /// The symmetric key, 64 hex digits
    #[arg(long, value_name = "HEX")]
    sym_key: Option<String>,

    /// The password from which the symmetric key is derived
    #[arg(long, value_name = "TEXT")]
    password: Option<String>,

    /// The private key, 64 hex digits
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
}

impl Open {
    pub(super) fn run(self) -> Result<(), Failure> {
        let envelope = self.envelope.envelope()?;
        let message = match self.key {
            KeyArgs { sym_key: Some(digits), .. } => {
                envelope.open_symmetric(&symmetric_key(&digits)?)?
            }
            KeyArgs { password: Some(password), .. } => {
                envelope.open_symmetric(&SymmetricKey::from_password(password.as_bytes()))?
            }
            KeyArgs { key, .. } => {
                let digits = key.unwrap_or_default();
                envelope.open_asymmetric(&SecretKey::from_hex(&digits).map_err(Failure::Key)?)?
            }
        };
        print(&describe(&message))
    }
}

/// Describes a message, one `name  value` per line.
fn describe(message: &Message) -> String {
    let signer = message.signer.map_or("none".to_owned(), |key| hex(key.to_uncompressed()));
    let mut page = format!(
        "payload         {}\npadding         {}\nsigner          {signer}",
        hex(&message.payload),
        hex(&message.padding),
    );
    // Text with control characters is not printed: a terminal would interpret them.
    if let Ok(text) = str::from_utf8(&message.payload)
        && !text.chars().any(char::is_control)
    {
        page.push_str("\ntext            ");
        page.push_str(text);
    }
    page
}

//! Opens an envelope.

use clap::Args;
use serde::Serialize;
use whisper_envelope::Message;

use super::{EnvelopeArgs, symmetric};
use crate::cli::console::hex;
use crate::cli::failure::Failure;
use crate::cli::flags::{Output, Secret};

#[derive(Args, Debug)]
pub(crate) struct Open {
    #[command(flatten)]
    envelope: EnvelopeArgs,

    #[command(flatten)]
    key: KeyArgs,

    #[command(flatten)]
    output: Output,
}

/// The content of an envelope.
#[derive(Serialize)]
struct Opened {
    payload: String,
    padding: String,
    /// The public key that signed it.
    signer: Option<String>,
    /// The payload, if it is UTF-8.
    text: Option<String>,
}

/// The key. Each can be given as file:PATH, env:NAME or ask, too: other users of the machine can read the command line.
#[derive(Args, Debug)]
#[group(multiple = false)]
struct KeyArgs {
    /// The symmetric key, 64 hex digits; or file:PATH, env:NAME, ask
    #[arg(long, value_name = "SECRET")]
    sym_key: Option<Secret>,

    /// The password from which the symmetric key is derived; or file:PATH, env:NAME, ask [default, if no key is given: the
    /// variable WHISPER_PASSWORD, or it is asked for]
    #[arg(long, value_name = "SECRET")]
    password: Option<Secret>,

    /// The private key, 64 hex digits; or file:PATH, env:NAME, ask. A keystore file is possible, too
    #[arg(long, value_name = "SECRET")]
    key: Option<Secret>,
}

impl Open {
    pub(super) fn run(self) -> Result<(), Failure> {
        let envelope = self.envelope.envelope()?;
        let message = match self.key {
            KeyArgs { key: Some(key), .. } => envelope.open_asymmetric(&key.read_key("--key")?)?,
            KeyArgs { sym_key, password, .. } => {
                envelope.open_symmetric(&symmetric(sym_key, password)?)?
            }
        };
        self.output.print(&Opened::of(&message), || describe(&message))
    }
}

impl Opened {
    fn of(message: &Message) -> Self {
        Self {
            payload: hex(&message.payload),
            padding: hex(&message.padding),
            signer: message.signer.map(|key| hex(key.to_uncompressed())),
            text: str::from_utf8(&message.payload).ok().map(str::to_owned),
        }
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

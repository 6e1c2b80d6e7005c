//! Makes an envelope.

use std::time::Duration;

use clap::Args;
use p2p_identity::{NodeId, PublicKey};
use serde::Serialize;
use whisper_envelope::{Dialect, Draft, Padding, Recipient, SymmetricKey, Topic};
use whisper_pow::{Miner, Target, Work};
use whisper_protocol::Clock;

use super::rule_name::RuleName;
use super::{DialectName, symmetric};
use crate::cli::console::{hex, parse_hex};
use crate::cli::failure::Failure;
use crate::cli::flags::{Output, Secret};

#[derive(Args, Debug)]
pub(crate) struct Seal {
    /// The version of Whisper
    #[arg(long, value_name = "5|6", default_value = "6")]
    dialect: DialectName,

    #[command(flatten)]
    recipient: RecipientArgs,

    #[command(flatten)]
    payload: PayloadArgs,

    /// The private key to sign with, 64 hex digits; or file:PATH, env:NAME, ask. A keystore file is possible, too [default:
    /// not signed]
    #[arg(long, value_name = "SECRET")]
    sign: Option<Secret>,

    /// The topic, which is not encrypted
    #[arg(long, value_name = "0x…", default_value = "0x00000000")]
    topic: Topic,

    /// Time to live, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = Draft::DEFAULT_TTL)]
    ttl: u32,

    /// When it is sent, in seconds since 1970 [default: now]
    #[arg(long, value_name = "SECONDS")]
    sent: Option<u32>,

    /// Padding in hexadecimal [default: random, up to a multiple of 256 bytes]
    #[arg(long, value_name = "HEX")]
    padding: Option<String>,

    #[command(flatten)]
    work: WorkArgs,

    #[command(flatten)]
    output: Output,
}

/// The envelope that was made.
#[derive(Serialize)]
struct Sealed {
    envelope: String,
    hash: String,
}

/// The recipient. Secrets can be given as file:PATH, env:NAME or ask: other users of the machine can read the command line.
#[derive(Args, Debug)]
#[group(multiple = false)]
struct RecipientArgs {
    /// Encrypt with this symmetric key, 64 hex digits; or file:PATH, env:NAME, ask
    #[arg(long, value_name = "SECRET")]
    sym_key: Option<Secret>,

    /// Encrypt with the symmetric key that is derived from this password; or file:PATH, env:NAME, ask [default, if no
    /// recipient is given: the variable WHISPER_PASSWORD, or it is asked for]
    #[arg(long, value_name = "SECRET")]
    password: Option<Secret>,

    /// Encrypt for this public key, 128 hex digits or 0x04 and 128 hex digits
    #[arg(long, value_name = "HEX")]
    pub_key: Option<String>,
}

/// The payload.
#[derive(Args, Debug)]
#[group(multiple = false)]
struct PayloadArgs {
    /// The payload in hexadecimal
    #[arg(long, value_name = "HEX")]
    payload: Option<String>,

    /// The payload as text
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

/// The proof of work.
#[derive(Args, Debug)]
struct WorkArgs {
    /// The work to reach; if missing, as much as possible in --pow-time
    #[arg(long, value_name = "POW")]
    pow_target: Option<f64>,

    /// Maximum time for the proof of work, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pow_time: f64,

    /// The rule by which the work is computed
    #[arg(long, value_name = "RULE", default_value = "eip-627")]
    rule: RuleName,
}

/// The key to encrypt with.
enum RecipientKey {
    Symmetric(SymmetricKey),
    Public(PublicKey),
}

impl Seal {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let key = self.recipient.key()?;
        let recipient = match &key {
            RecipientKey::Symmetric(key) => Recipient::Symmetric(key),
            RecipientKey::Public(key) => Recipient::Asymmetric(key),
        };
        let payload = self.payload.bytes()?;
        let padding = self.padding.as_deref().map(parse_hex).transpose()?;
        let signer = self.sign.as_ref().map(|key| key.read_key("--sign")).transpose()?;

        let sent = self.sent.unwrap_or_else(|| Clock::system().now());
        let mut draft = Draft::new(Dialect::from(self.dialect), recipient, sent)
            .topic(self.topic)
            .ttl(self.ttl)
            .payload(&payload);
        if let Some(padding) = &padding {
            draft = draft.padding(Padding::Explicit(padding));
        }
        if let Some(signer) = &signer {
            draft = draft.sign(signer);
        }
        let unsealed = draft.encrypt(&mut rand::rng())?;
        let time = Duration::try_from_secs_f64(self.work.pow_time)
            .map_err(|_| Failure::PowTime(self.work.pow_time))?;
        let sealed =
            Miner::new().seal(&unsealed, self.work.rule.into(), self.work.target()?, time).await?;
        let (envelope, hash) = (hex(sealed.envelope.raw()), hex(sealed.envelope.hash()));
        let sealed = Sealed { envelope, hash };
        self.output.print(&sealed, || sealed.envelope.clone())
    }
}

impl RecipientArgs {
    fn key(self) -> Result<RecipientKey, Failure> {
        let Some(digits) = &self.pub_key else {
            return symmetric(self.sym_key, self.password).map(RecipientKey::Symmetric);
        };
        // go-ethereum writes a leading byte that means "uncompressed".
        let bare = digits.strip_prefix("0x04").filter(|rest| rest.len() == 128);
        let id: NodeId = bare.unwrap_or(digits).parse().map_err(Failure::PublicKey)?;
        Ok(RecipientKey::Public(id.public_key().map_err(Failure::Key)?))
    }
}

impl PayloadArgs {
    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        match (&self.payload, &self.text) {
            (Some(payload), _) => parse_hex(payload),
            (None, text) => Ok(text.clone().unwrap_or_default().into_bytes()),
        }
    }
}

impl WorkArgs {
    fn target(&self) -> Result<Target, Failure> {
        match self.pow_target {
            None => Ok(Target::Best),
            Some(work) => Work::new(work).map(Target::AtLeast).ok_or(Failure::PowTarget(work)),
        }
    }
}

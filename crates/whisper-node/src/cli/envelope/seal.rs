//! An envelope made by hand.

use std::time::Duration;

use clap::{Args, ValueEnum};
use p2p_identity::{NodeId, PublicKey, SecretKey};
use whisper_envelope::{Dialect, Draft, Padding, Recipient, SymmetricKey, Topic};
use whisper_pow::{Miner, Rule, Target, Work};
use whisper_protocol::Clock;

use super::{Version, symmetric};
use crate::cli::failure::Failure;
use crate::cli::input::{hex, print};

/// What it says, to whom, and at what cost.
#[derive(Args, Debug)]
pub(crate) struct Seal {
    /// The version of Whisper
    #[arg(long, value_name = "5|6", default_value = "6")]
    dialect: Version,

    #[command(flatten)]
    to: To,

    #[command(flatten)]
    says: Says,

    /// The private key to sign with, 64 hex digits [default: not signed]
    #[arg(long, value_name = "HEX")]
    sign: Option<String>,

    /// What relays may know it is about
    #[arg(long, value_name = "0x…", default_value = "0x00000000")]
    topic: Topic,

    /// How many seconds it is to be passed on
    #[arg(long, value_name = "SECONDS", default_value_t = Draft::DEFAULT_TTL)]
    ttl: u32,

    /// When it is sent, in seconds since 1970 [default: now]
    #[arg(long, value_name = "SECONDS")]
    sent: Option<u32>,

    /// Padding in hexadecimal [default: random, up to a multiple of 256 bytes]
    #[arg(long, value_name = "HEX")]
    padding: Option<String>,

    #[command(flatten)]
    work: Cost,
}

/// A recipient. Other users of the machine can read the command line.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct To {
    /// All who have this symmetric key, 64 hex digits
    #[arg(long, value_name = "HEX")]
    sym_key: Option<String>,

    /// All who have the symmetric key that is made of this password
    #[arg(long, value_name = "TEXT")]
    password: Option<String>,

    /// The one who has the private key of this public key, 128 hex digits or 0x04 and 128
    #[arg(long, value_name = "HEX")]
    pub_key: Option<String>,
}

/// A payload.
#[derive(Args, Debug)]
#[group(multiple = false)]
struct Says {
    /// What it says, in hexadecimal
    #[arg(long, value_name = "HEX")]
    payload: Option<String>,

    /// What it says, as text
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

/// The proof of work.
#[derive(Args, Debug)]
struct Cost {
    /// The work to be done; without it, the most that can be done in --pow-time
    #[arg(long, value_name = "POW")]
    pow_target: Option<f64>,

    /// For how many seconds at most
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pow_time: f64,

    /// The rule under which the work is counted
    #[arg(long, value_name = "RULE", default_value = "eip-627")]
    rule: Named,
}

/// The rules by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Named {
    #[value(name = "geth-1.8")]
    Geth,
    #[value(name = "eip-627")]
    Eip627,
    #[value(name = "parity")]
    Parity,
    #[value(name = "nim")]
    Nim,
}

impl From<Named> for Rule {
    fn from(name: Named) -> Self {
        match name {
            Named::Geth => Self::GETH_1_8,
            Named::Eip627 => Self::EIP_627,
            Named::Parity => Self::PARITY,
            Named::Nim => Self::NIM,
        }
    }
}

/// Whose message it will be.
enum Key {
    Symmetric(SymmetricKey),
    Public(PublicKey),
}

impl Seal {
    /// Makes it and prints it.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let key = self.to.key()?;
        let to = match &key {
            Key::Symmetric(key) => Recipient::Symmetric(key),
            Key::Public(key) => Recipient::Asymmetric(key),
        };
        let payload = self.says.bytes()?;
        let padding = self.padding.as_deref().map(digits).transpose()?;
        let signer = self.sign.as_deref().map(SecretKey::from_hex).transpose();
        let signer = signer.map_err(Failure::Key)?;

        let sent = self.sent.unwrap_or_else(|| Clock::system().now());
        let mut draft = Draft::new(Dialect::from(self.dialect), to, sent)
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
        let within = Duration::try_from_secs_f64(self.work.pow_time)
            .map_err(|_| Failure::PowTime(self.work.pow_time))?;
        let sealed = Miner::new()
            .seal(&unsealed, self.work.rule.into(), self.work.target()?, within)
            .await?;
        print(&hex(sealed.envelope.raw()))
    }
}

impl To {
    fn key(&self) -> Result<Key, Failure> {
        Ok(match (&self.sym_key, &self.password) {
            (Some(digits), _) => Key::Symmetric(symmetric(digits)?),
            (_, Some(text)) => Key::Symmetric(SymmetricKey::from_password(text.as_bytes())),
            (None, None) => {
                let digits = self.pub_key.as_deref().unwrap_or_default();
                // As go-ethereum writes it, with the byte that says "uncompressed" in front.
                let bare = digits.strip_prefix("0x04").filter(|rest| rest.len() == 128);
                let id: NodeId = bare.unwrap_or(digits).parse().map_err(Failure::PublicKey)?;
                Key::Public(id.public_key().map_err(Failure::Key)?)
            }
        })
    }
}

impl Says {
    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        match (&self.payload, &self.text) {
            (Some(payload), _) => digits(payload),
            (None, text) => Ok(text.clone().unwrap_or_default().into_bytes()),
        }
    }
}

impl Cost {
    fn target(&self) -> Result<Target, Failure> {
        match self.pow_target {
            None => Ok(Target::Best),
            Some(asked) => Work::new(asked).map(Target::AtLeast).ok_or(Failure::PowTarget(asked)),
        }
    }
}

fn digits(text: &str) -> Result<Vec<u8>, Failure> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(Failure::Hex)
}

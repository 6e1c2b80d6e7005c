//! `whisper-node key`: private keys in files, as go-ethereum keeps accounts and node keys.

mod message;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use p2p_identity::{Keystore, KeystoreCost, SecretKey};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::console::hex;
use crate::cli::failure::Failure;
use crate::cli::flags::{KEY_PASSWORD, Output, Secret, open_keystore, read_file};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a key and write it into a keystore file, encrypted with a password
    New {
        /// The file, which must not exist
        file: PathBuf,
        #[command(flatten)]
        password: NewPassword,
        #[command(flatten)]
        output: Output,
    },
    /// Show what a key file is of: address, public key, how it is encrypted
    Inspect {
        #[command(flatten)]
        key: KeyFile,
        #[command(flatten)]
        output: Output,
    },
    /// Encrypt a key of 64 hex digits, such as a node key, into a keystore file
    Import {
        /// File with the key
        from: PathBuf,
        /// The keystore file, which must not exist
        to: PathBuf,
        #[command(flatten)]
        password: NewPassword,
        #[command(flatten)]
        output: Output,
    },
    /// Decrypt a keystore file into a file with 64 hex digits, such as a node key. The new file is for this user only
    Export {
        #[command(flatten)]
        key: KeyFile,
        /// The file to write, which must not exist
        to: PathBuf,
    },
    /// Sign a message as wallets do (EIP-191), and print the signature
    Sign {
        #[command(flatten)]
        key: KeyFile,
        #[command(flatten)]
        message: message::MessageArgs,
        #[command(flatten)]
        output: Output,
    },
    /// Check who has signed a message
    Verify(message::Verify),
    /// Encrypt a keystore file with another password. The file is replaced as a whole
    Passwd {
        #[command(flatten)]
        key: KeyFile,
        /// The new password: file:PATH, env:NAME or ask [default: asked for twice]
        #[arg(long, value_name = "SECRET")]
        new_password: Option<Secret>,
        #[command(flatten)]
        cost: Cost,
    },
}

/// A file with a key, encrypted or not.
#[derive(Args, Debug)]
pub(crate) struct KeyFile {
    /// The keystore file, or a file with 64 hex digits
    file: PathBuf,

    /// The password: file:PATH, env:NAME or ask [default: the variable WHISPER_KEY_PASSWORD, or it is asked for]
    #[arg(long, value_name = "SECRET")]
    password: Option<Secret>,
}

/// The password of a new keystore file.
#[derive(Args, Debug)]
pub(crate) struct NewPassword {
    /// The password: file:PATH, env:NAME or ask [default: the variable WHISPER_KEY_PASSWORD, or it is asked for twice]
    #[arg(long, value_name = "SECRET")]
    password: Option<Secret>,

    #[command(flatten)]
    cost: Cost,
}

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Derive the key with 4 MiB and a few hundredths of a second, not with 256 MiB and a second. A weak password is found
    /// sooner
    #[arg(long)]
    lightkdf: bool,
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::New { file, password, output } => {
                let key = SecretKey::generate();
                write_new(&file, password.seal(&key)?.as_bytes())?;
                Description::of(&key).print(output)
            }
            Self::Inspect { key, output } => key.describe()?.print(output),
            Self::Import { from, to, password, output } => {
                let text = read_file("FROM", &from)?;
                let key = SecretKey::from_hex(text.trim()).map_err(Failure::Key)?;
                write_new(&to, password.seal(&key)?.as_bytes())?;
                Description::of(&key).print(output)
            }
            Self::Export { key, to } => {
                let key = key.read()?;
                let digits = Zeroizing::new(hex::encode(*key.to_bytes()));
                write_new(&to, digits.as_bytes())
            }
            Self::Sign { key, message, output } => {
                let digest = message.digest()?;
                message::print_signature(&key.read()?.sign(&digest), output)
            }
            Self::Verify(verify) => verify.run(),
            Self::Passwd { key, new_password, cost } => {
                let secret = key.read()?;
                let password = new_password_of(new_password)?;
                let sealed = cost.seal(&secret, &password);
                replace(&key.file, sealed.as_bytes())
            }
        }
    }
}

impl KeyFile {
    fn read(&self) -> Result<SecretKey, Failure> {
        let text = read_file("FILE", &self.file)?;
        match text.trim_start().starts_with('{') {
            true => open_keystore(&text, &self.password(), "--password"),
            false => SecretKey::from_hex(text.trim()).map_err(Failure::Key),
        }
    }

    fn password(&self) -> Secret {
        self.password.clone().unwrap_or_else(|| Secret::variable_or_ask(KEY_PASSWORD))
    }

    /// What can be read without a password, and the rest with it.
    fn describe(&self) -> Result<Description, Failure> {
        let text = read_file("FILE", &self.file)?;
        if !text.trim_start().starts_with('{') {
            return Ok(Description::of(&self.read()?));
        }
        let keystore = Keystore::from_json(text.as_bytes()).map_err(Failure::Keystore)?;
        let is_given = self.password.is_some() || std::env::var_os(KEY_PASSWORD).is_some();
        let description = match keystore.address() {
            // Without a password, the file has to be believed.
            Some(address) if !is_given => {
                Description { address: hex(address), ..Description::default() }
            }
            _ => Description::of(&open_keystore(&text, &self.password(), "--password")?),
        };
        Ok(Description { encryption: Some(keystore.derivation()), ..description })
    }
}

impl NewPassword {
    /// The content of a keystore file with the key.
    fn seal(self, key: &SecretKey) -> Result<String, Failure> {
        let given = self.password.or_else(|| {
            std::env::var_os(KEY_PASSWORD).map(|_| Secret::Variable(KEY_PASSWORD.to_owned()))
        });
        Ok(self.cost.seal(key, &new_password_of(given)?))
    }
}

impl Cost {
    fn seal(self, key: &SecretKey, password: &str) -> String {
        let cost = if self.lightkdf { KeystoreCost::Light } else { KeystoreCost::Standard };
        Keystore::seal(key, password, cost, &mut rand::rng()).to_json()
    }
}

/// A new password. One that is typed is typed twice.
pub(super) fn new_password_of(given: Option<Secret>) -> Result<Zeroizing<String>, Failure> {
    let is_typed = matches!(given, None | Some(Secret::Ask));
    let password = given.unwrap_or(Secret::Ask).read("--password", "New password")?;
    if is_typed && password != Secret::Ask.read("--password", "The same again")? {
        return Err(Failure::PasswordsDiffer);
    }
    Ok(password)
}

/// What can be said about a key without revealing it.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    /// How the file is encrypted, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption: Option<String>,
    address: String,
    /// `None`: the file was not opened, and says that the address is this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_id: Option<String>,
}

impl Description {
    fn of(key: &SecretKey) -> Self {
        let public = key.public_key();
        Self {
            encryption: None,
            address: hex(public.address()),
            public_key: Some(hex(public.to_uncompressed())),
            node_id: Some(key.id().to_string()),
        }
    }

    /// Prints it, as text one `name  value` per line.
    fn print(&self, output: Output) -> Result<(), Failure> {
        output.print(self, || {
            let encryption = self.encryption.iter().map(|it| format!("encryption  {it}\n"));
            let address = format!("address     {}", self.address);
            let rest = match (&self.public_key, &self.node_id) {
                (Some(key), Some(id)) => format!("\npublic key  {key}\nnode id     {id}"),
                _ => ", says the file".to_owned(),
            };
            encryption.chain([address, rest]).collect()
        })
    }
}

/// Writes a file that does not exist yet, for this user only.
fn write_new(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|source: io::Error| Failure::KeyFileWrite { path: path.to_owned(), source })
}

/// Replaces a file as a whole, so that a power failure leaves the old or the new one.
fn replace(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    write_new(&new, content)?;
    fs::rename(&new, path).map_err(|source| Failure::KeyFileWrite { path: path.to_owned(), source })
}

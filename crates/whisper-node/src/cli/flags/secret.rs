//! Secrets: on the command line, in a file, in an environment variable, or typed.

use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use p2p_identity::{Keystore, MAX_KEYSTORE, SecretKey};
use zeroize::Zeroizing;

use super::key::{require_regular_file, warn_if_exposed};
use crate::cli::console;
use crate::cli::failure::Failure;

/// The variable with the password of a topic or of an envelope.
pub(crate) const PASSWORD: &str = "WHISPER_PASSWORD";

/// The variable with the password of a keystore file.
pub(crate) const KEY_PASSWORD: &str = "WHISPER_KEY_PASSWORD";

/// Where a secret is, as the commands of OpenSSL name it: `file:PATH`, `env:NAME`, `ask`, `pass:TEXT`, or the secret itself.
/// Other users of the machine can read the command line.
#[derive(Clone)]
pub(crate) enum Secret {
    Given(Zeroizing<String>),
    /// The first line of a file, or a keystore file.
    File(PathBuf),
    Variable(String),
    Ask,
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once(':') {
            Some(("file", path)) => Self::File(path.into()),
            Some(("env", name)) => Self::Variable(name.to_owned()),
            Some(("pass", secret)) => Self::Given(Zeroizing::new(secret.to_owned())),
            _ if text == "ask" => Self::Ask,
            _ => Self::Given(Zeroizing::new(text.to_owned())),
        })
    }
}

/// Does not show the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Given"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Variable(name) => f.debug_tuple("Variable").field(name).finish(),
            Self::Ask => f.write_str("Ask"),
        }
    }
}

impl Secret {
    /// The secret in this variable if it is set; otherwise it is asked for.
    pub(crate) fn variable_or_ask(name: &str) -> Self {
        match std::env::var_os(name) {
            Some(_) => Self::Variable(name.to_owned()),
            None => Self::Ask,
        }
    }

    /// The secret, which is not empty. `flag` and `what` are for errors and for the question to the user.
    pub(crate) fn read(
        &self,
        flag: &'static str,
        what: &str,
    ) -> Result<Zeroizing<String>, Failure> {
        let secret = match self {
            Self::Given(secret) => secret.clone(),
            Self::File(path) => return first_line(flag, path),
            Self::Variable(name) => std::env::var(name)
                .map(Zeroizing::new)
                .map_err(|source| Failure::SecretVariable { flag, name: name.clone(), source })?,
            Self::Ask => ask(flag, what)?,
        };
        match secret.is_empty() {
            true => Err(Failure::SecretEmpty { flag }),
            false => Ok(secret),
        }
    }

    /// A private key: 64 hexadecimal digits, or a keystore file, whose password is in [`KEY_PASSWORD`] or asked for.
    pub(crate) fn read_key(&self, flag: &'static str) -> Result<SecretKey, Failure> {
        let text = match self {
            Self::File(path) => read_file(flag, path)?,
            _ => self.read(flag, "The private key, 64 hex digits")?,
        };
        if !text.trim_start().starts_with('{') {
            return SecretKey::from_hex(text.trim()).map_err(Failure::Key);
        }
        let password = Self::variable_or_ask(KEY_PASSWORD);
        open_keystore(&text, &password, flag)
    }
}

/// Opens the text of a keystore file with a password.
pub(crate) fn open_keystore(
    text: &str,
    password: &Secret,
    flag: &'static str,
) -> Result<SecretKey, Failure> {
    let keystore = Keystore::from_json(text.as_bytes()).map_err(Failure::Keystore)?;
    let password = password.read(flag, "Password of the keystore file")?;
    keystore.open(&password).map_err(Failure::Keystore)
}

/// A small file with a secret.
pub(crate) fn read_file(flag: &'static str, path: &Path) -> Result<Zeroizing<String>, Failure> {
    require_regular_file(flag, path)?;
    warn_if_exposed(path);
    let mut text = Zeroizing::new(String::new());
    let limit = MAX_KEYSTORE as u64 + 1;
    let read = fs::File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text));
    read.map_err(|source| Failure::PasswordFile { flag, path: path.to_owned(), source })?;
    Ok(text)
}

/// The first line of a file, which is not empty.
pub(crate) fn first_line(flag: &'static str, path: &Path) -> Result<Zeroizing<String>, Failure> {
    match read_file(flag, path)?.lines().next() {
        None | Some("") => Err(Failure::NoPassword { flag, path: path.to_owned() }),
        Some(secret) => Ok(Zeroizing::new(secret.to_owned())),
    }
}

/// What the user types at the terminal. It is not shown.
fn ask(flag: &'static str, what: &str) -> Result<Zeroizing<String>, Failure> {
    if !io::stderr().is_terminal() {
        return Err(Failure::NoTerminal { flag });
    }
    console::print_error(&format!("{what}:"));
    rpassword::read_password().map(Zeroizing::new).map_err(Failure::Input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_as_in_openssl() {
        let shown = |text: &str| format!("{:?}", text.parse::<Secret>().unwrap());
        assert_eq!(shown("file:/run/key"), "File(\"/run/key\")");
        assert_eq!(shown("env:KEY"), "Variable(\"KEY\")");
        assert_eq!(shown("ask"), "Ask");
        for secret in ["swordfish", "pass:ask", "pass:file:x"] {
            assert_eq!(shown(secret), "Given", "a secret is not shown");
        }
        let read = |text: &str| text.parse::<Secret>().unwrap().read("--password", "").unwrap();
        assert_eq!((read("sword:fish").as_str(), read("pass:ask").as_str()), ("sword:fish", "ask"));
        assert!("pass:".parse::<Secret>().unwrap().read("--password", "").is_err());
    }

    #[test]
    fn a_key_is_in_a_file_as_digits_or_encrypted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = SecretKey::generate();
        let secret = Secret::File(path.clone());
        fs::write(&path, format!("0x{}\n", hex::encode(*key.to_bytes()))).unwrap();
        assert_eq!(secret.read_key("--key").unwrap(), key);
        fs::write(&path, "{}").unwrap();
        assert!(matches!(secret.read_key("--key"), Err(Failure::Keystore(_))));
        fs::write(&path, "").unwrap();
        assert!(matches!(secret.read_key("--key"), Err(Failure::Key(_))));
        assert!(matches!(secret.read("--key", ""), Err(Failure::NoPassword { .. })));
    }
}

//! What opens a store: a passphrase or a key.

use std::fmt;

use zeroize::Zeroizing;

/// What opens a store. Its `Debug` text does not show it, and it is wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreSecret(Kind);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Passphrase(Zeroizing<String>),
    Key(Zeroizing<[u8; 32]>),
}

/// A text that cannot open a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// A passphrase without characters.
    #[error("the passphrase is empty")]
    Empty,
    /// The text of a key.
    #[error("a key is 64 hexadecimal digits")]
    Key,
}

impl StoreSecret {
    /// A passphrase. The key is derived from it with Argon2id, which takes a fraction of a second and 64 MiB.
    ///
    /// # Errors
    ///
    /// If it is empty.
    pub fn passphrase(text: Zeroizing<String>) -> Result<Self, SecretError> {
        if text.is_empty() { Err(SecretError::Empty) } else { Ok(Self(Kind::Passphrase(text))) }
    }

    /// A key of 32 random bytes.
    #[must_use]
    pub const fn key(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(Kind::Key(bytes))
    }

    /// A key as 64 hexadecimal digits. White space around them is ignored.
    ///
    /// # Errors
    ///
    /// If it is something else.
    pub fn key_from_hex(text: &str) -> Result<Self, SecretError> {
        let digits = text.trim().as_bytes();
        let mut key = Zeroizing::new([0; 32]);
        if digits.len() != 2 * key.len() {
            return Err(SecretError::Key);
        }
        for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
            let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
            let value = high.zip(low).map(|(high, low)| high << 4 | low);
            let value = value.and_then(|value| u8::try_from(value).ok());
            *byte = value.ok_or(SecretError::Key)?;
        }
        Ok(Self::key(key))
    }

    pub(crate) const fn kind(&self) -> &Kind {
        &self.0
    }
}

impl fmt::Debug for StoreSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Passphrase(_) => "StoreSecret(passphrase)",
            Kind::Key(_) => "StoreSecret(key)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_digits_and_a_passphrase_is_not_empty() {
        let digits = "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100";
        let key = StoreSecret::key_from_hex(&format!(" {digits}\n")).unwrap();
        let Kind::Key(bytes) = key.kind() else { panic!("{key:?}") };
        assert_eq!((bytes[1], bytes[15], bytes[16]), (0x11, 0xff, 0xff));
        for bad in ["", &digits[1..], &format!("{digits}0"), &digits.replace('0', "g"), "é"] {
            assert_eq!(StoreSecret::key_from_hex(bad), Err(SecretError::Key), "{bad}");
        }
        assert_eq!(StoreSecret::passphrase(String::new().into()), Err(SecretError::Empty));
    }

    #[test]
    fn debug_shows_no_secret() {
        let secret = StoreSecret::passphrase("swordfish".to_owned().into()).unwrap();
        assert!(!format!("{secret:?}").contains("swordfish"));
    }
}

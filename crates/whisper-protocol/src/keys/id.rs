//! Ids of keys and filters: 32 random bytes, printed as 64 lower-case hexadecimal digits.
//!
//! go-ethereum's JSON-RPC clients handle such ids as strings. With an id one can use what it names: read and delete a
//! filter, or decrypt with a key. So it cannot be guessed, and it is given only to the application that made the thing.

use std::{fmt, str::FromStr};

use rand::CryptoRng;

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 64 lower-case hexadecimal digits")]
pub struct ParseIdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The id with these bytes, which were returned by [`to_bytes`](Self::to_bytes).
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes, which are as secret as the id.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 32] {
                self.0
            }

            /// A new random id.
            pub(crate) fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
                let mut bytes = [0; 32];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        /// Only the beginning: with the whole id one can use what it names, and this text is for logs.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({}..)", stringify!($name), hex::encode(&self.0[..2]))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                if text.bytes().any(|digit| digit.is_ascii_uppercase()) {
                    return Err(ParseIdError); // clients compare ids as strings
                }
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseIdError)?;
                Ok(Self(bytes))
            }
        }
    };
}

id! {
    /// The id of a key pair or of a symmetric key in [`Keys`](crate::Keys).
    KeyId
}

id! {
    /// The id of a filter, as [`Whisper::subscribe`](crate::Whisper::subscribe) returns it.
    FilterId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debug_text_does_not_tell_the_id() {
        let id = KeyId::random(&mut rand::rng());
        assert_eq!(format!("{id:?}"), format!("KeyId({}..)", &id.to_string()[..4]));
    }

    #[test]
    fn prints_what_it_parses() {
        let id = KeyId::random(&mut rand::rng());
        assert_eq!(id.to_string().len(), 64);
        assert_eq!(id.to_string().parse::<KeyId>().unwrap(), id);
    }

    #[test]
    fn refuses_what_is_not_an_id() {
        for text in
            ["", "00", "0x00", &"A".repeat(64), &"g".repeat(64), &"0".repeat(63), &"0".repeat(66)]
        {
            assert_eq!(text.parse::<FilterId>(), Err(ParseIdError), "{text}");
        }
    }
}

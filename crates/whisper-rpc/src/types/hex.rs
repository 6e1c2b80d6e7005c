//! The hexadecimal forms of go-ethereum's JSON: byte strings and quantities.

use std::borrow::Cow;

#[cfg(feature = "server")]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize;

/// Why a text is not a byte string or a quantity in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HexBytesError {
    /// The prefix `0x` is missing.
    #[error("hex string without 0x prefix")]
    Prefix,
    /// The number of digits is odd.
    #[error("hex string of odd length")]
    OddLength,
    /// A character is not a hexadecimal digit.
    #[error("invalid hex string")]
    Digit,
}

/// A byte string of any length: `0x` and two digits for each byte.
///
/// Upper and lower case are read. An empty JSON string means no bytes, as in go-ethereum.
/// The bytes are zeroized on drop, because they may be a key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HexBytes(Vec<u8>);

impl HexBytes {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Whether there are no bytes. go-ethereum treats an omitted field and an empty one alike.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes as an array, if there are exactly `N`.
    #[must_use]
    pub fn array<const N: usize>(&self) -> Option<[u8; N]> {
        self.0.as_slice().try_into().ok()
    }

    /// Converts it into the bytes.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, HexBytesError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let digits = text
            .strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))
            .ok_or(HexBytesError::Prefix)?;
        match hex::decode(digits) {
            Ok(bytes) => Ok(Self(bytes)),
            Err(hex::FromHexError::OddLength) => Err(HexBytesError::OddLength),
            Err(_) => Err(HexBytesError::Digit),
        }
    }
}

/// Shows only the number of bytes, because they may be a key.
impl std::fmt::Debug for HexBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HexBytes({} bytes)", self.0.len())
    }
}

impl Drop for HexBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> From<[u8; N]> for HexBytes {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&[u8]> for HexBytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<Vec<u8>> for HexBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // `hex::encode` works digit by digit, which is slow for payloads of a megabyte.
        let mut text = vec![0; 2 + 2 * self.0.len()];
        text[..2].copy_from_slice(b"0x");
        hex::encode_to_slice(&self.0, &mut text[2..]).map_err(S::Error::custom)?;
        serializer.serialize_str(std::str::from_utf8(&text).map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Cow::<str>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(feature = "server")]
impl JsonSchema for HexBytes {
    fn schema_name() -> Cow<'static, str> {
        "HexBytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bytes: 0x and two digits for each byte.",
            "type": "string",
            "pattern": "^(0[xX]([0-9a-fA-F]{2})*)?$",
        })
    }
}

/// A number in go-ethereum's quantity form: `0x` and digits without leading zeros. Zero is `0x0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity(pub usize);

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let digits =
            text.strip_prefix("0x").ok_or(HexBytesError::Prefix).map_err(D::Error::custom)?;
        usize::from_str_radix(digits, 16).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(feature = "server")]
impl JsonSchema for Quantity {
    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A whole number in hexadecimal, without leading zeros.",
            "type": "string",
            "pattern": "^0x(0|[1-9a-f][0-9a-f]*)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_in_either_case_and_written_in_lower() {
        let bytes = HexBytes::parse("0XaBcD").unwrap();
        assert_eq!(bytes.as_slice(), [0xab, 0xcd]);
        assert_eq!(serde_json::to_string(&bytes).unwrap(), "\"0xabcd\"");
        assert_eq!(serde_json::to_string(&HexBytes::default()).unwrap(), "\"0x\"");
    }

    #[test]
    fn empty_text_means_no_bytes() {
        assert!(HexBytes::parse("").unwrap().is_empty());
        assert!(HexBytes::parse("0x").unwrap().is_empty());
    }

    #[test]
    fn errors_say_what_is_wrong_with_the_digits() {
        assert_eq!(HexBytes::parse("ab").unwrap_err(), HexBytesError::Prefix);
        assert_eq!(HexBytes::parse("0xabc").unwrap_err(), HexBytesError::OddLength);
        assert_eq!(HexBytes::parse("0xzz").unwrap_err(), HexBytesError::Digit);
    }

    #[test]
    fn quantities_have_no_leading_zeros() {
        assert_eq!(serde_json::to_string(&Quantity(0)).unwrap(), "\"0x0\"");
        assert_eq!(serde_json::to_string(&Quantity(26)).unwrap(), "\"0x1a\"");
        assert_eq!(serde_json::from_str::<Quantity>("\"0x1a\"").unwrap(), Quantity(26));
    }

    #[test]
    fn debug_does_not_show_the_bytes() {
        assert_eq!(format!("{:?}", HexBytes(vec![7; 32])), "HexBytes(32 bytes)");
    }
}

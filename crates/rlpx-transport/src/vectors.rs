//! The known handshakes and frames in `tests/vectors`.

use p2p_identity::SecretKey;
use serde_json::Value;

/// A JSON document whose strings are hex.
pub(crate) struct Vectors(Value);

impl Vectors {
    /// The auth and ack packets of EIP-8, with the secrets of one pair.
    pub(crate) fn eip8() -> Self {
        Self::parse(include_str!("../tests/vectors/eip8.json"))
    }

    /// One whole session of go-ethereum 1.8.27.
    pub(crate) fn geth() -> Self {
        let file = Self::parse(include_str!("../tests/vectors/rlpx-geth1.8.27.json"));
        Self(file.0["sessions"][0].clone())
    }

    fn parse(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    /// The value at a JSON pointer without its leading slash.
    pub(crate) fn at(&self, path: &str) -> &Value {
        self.0.pointer(&format!("/{path}")).unwrap_or_else(|| panic!("no {path}"))
    }

    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        hex::decode(self.at(path).as_str().unwrap()).unwrap()
    }

    pub(crate) fn array<const N: usize>(&self, path: &str) -> [u8; N] {
        self.bytes(path).try_into().unwrap()
    }

    pub(crate) fn key(&self, path: &str) -> SecretKey {
        SecretKey::from_bytes(&self.array(path)).unwrap()
    }
}

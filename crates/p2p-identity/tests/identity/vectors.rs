//! The packets and keys of two known handshakes.

use p2p_identity::SecretKey;
use serde_json::Value;

/// EIP-8, section "Test Vectors": `auth` and `ack` are lists of the plain packet, the EIP-8 packet,
/// and one of a later version with more in it.
pub(crate) const EIP_8: &str = include_str!("../vectors/eip8.json");

/// A handshake of go-ethereum 1.8.27.
pub(crate) const GETH: &str = include_str!("../vectors/rlpx-geth1.8.27.json");

/// One file of vectors.
pub(crate) struct Vectors(Value);

impl Vectors {
    pub(crate) fn new(json: &str) -> Self {
        Self(serde_json::from_str(json).unwrap())
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        bytes(&self.0[name])
    }

    pub(crate) fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.bytes(name).try_into().unwrap()
    }

    pub(crate) fn list(&self, name: &str) -> Vec<Vec<u8>> {
        self.0[name].as_array().unwrap().iter().map(bytes).collect()
    }

    pub(crate) fn key(&self, name: &str) -> SecretKey {
        SecretKey::from_bytes(&self.array(name)).unwrap()
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

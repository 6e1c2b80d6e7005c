//! Who may ask an archive over `archive/1`, and for how much.

use keccak_lanes::Keccak256;
use p2p_identity::NodeId;
use subtle::ConstantTimeEq as _;
use whisper_envelope::SymmetricKey;

use crate::OpenRequests;

/// Who may ask an archive over `archive/1`, and for how much. By default any peer may ask.
#[derive(Clone, Debug)]
pub struct ArchiveSettings {
    /// Who may ask without the password.
    pub open: OpenRequests,
    /// The key of a password. Who proves to know it may ask as well. The password is not sent.
    pub password: Option<SymmetricKey>,
    /// Maximum number of open queries of a peer. Default: 16.
    pub max_queries: usize,
}

impl Default for ArchiveSettings {
    fn default() -> Self {
        Self { open: OpenRequests::Any, password: None, max_queries: 16 }
    }
}

impl ArchiveSettings {
    /// Whether a client may ask.
    pub(super) fn allows(&self, ends: &Ends, proof: Option<&[u8; 32]>) -> bool {
        let proves = |key| proof.is_some_and(|proof| bool::from(proof.ct_eq(&prove(key, ends))));
        ends.is_local
            || self.open.allows(&ends.client)
            || self.password.as_ref().is_some_and(proves)
    }
}

/// The two ends of a query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) archive: NodeId,
    pub(super) client: NodeId,
    /// Whether the client is this node itself.
    pub(super) is_local: bool,
}

/// What proves that a client knows a password: Keccak-256 of a text, the key of the password, and the ids of both ends, which
/// the connection has proven. No other client can use it, and it is of no use at another archive.
pub(super) fn prove(key: &SymmetricKey, ends: &Ends) -> [u8; 32] {
    let hash = Keccak256::new().chain(b"archive/1 password").chain(key.as_bytes());
    hash.chain(&ends.archive.0).chain(&ends.client.0).finalize()
}

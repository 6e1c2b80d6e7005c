//! Who may ask a mail server, and for how much.

use std::time::Duration;

use p2p_identity::{NodeId, SecretKey};
use p2p_world::HashSet;
use whisper_envelope::SymmetricKey;
use whisper_pow::Work;

/// Who may ask a mail server, and for how much. By default only requests in the open are answered, to any peer.
#[derive(Clone, Debug)]
pub struct MailServerSettings {
    /// The key that sealed requests are encrypted with, from a password that clients share. `None` refuses them.
    pub password: Option<SymmetricKey>,
    /// The key of sealed requests that are encrypted to this server alone. `None` refuses them.
    pub key: Option<SecretKey>,
    /// Whose unencrypted requests are answered. Those of other mail servers, which copy, are among them.
    pub open: OpenRequests,
    /// The least work of the envelope of a sealed request.
    pub min_work: Work,
    /// Maximum number of envelopes of one answer, if the client can ask for the rest. 1000 as in status-go.
    pub max_limit: u32,
    /// Least time between two requests of a peer. Earlier ones are refused.
    pub interval: Duration,
}

/// Whose unencrypted requests a mail server answers.
#[derive(Debug, Clone, Default)]
pub enum OpenRequests {
    /// Those of any peer.
    #[default]
    Any,
    /// Those of these peers.
    Of(HashSet<NodeId>),
    /// None.
    Refused,
}

impl OpenRequests {
    pub(crate) fn allows(&self, peer: &NodeId) -> bool {
        match self {
            Self::Any => true,
            Self::Of(peers) => peers.contains(peer),
            Self::Refused => false,
        }
    }
}

impl Default for MailServerSettings {
    fn default() -> Self {
        Self {
            password: None,
            key: None,
            open: OpenRequests::default(),
            min_work: Work::ZERO,
            max_limit: 1000,
            interval: Duration::from_secs(1),
        }
    }
}

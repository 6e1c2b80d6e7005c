//! When a handshake uses `sec/1`, and with what.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::{SecLibrary, Suite};

/// When to use `sec/1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum SecPolicy {
    /// Only nodes with `sec/1` are connected.
    Require,
    /// `sec/1` with nodes that have it, plain RLPx with others.
    #[default]
    Prefer,
    /// Plain RLPx only.
    Off,
}

/// How a handshake uses `sec/1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecSettings {
    /// When to use it; [`SecPolicy::Prefer`] by default.
    pub policy: SecPolicy,
    /// The algorithm for records that this end prefers; by default the one that is faster on this processor. Both ends
    /// must prefer AES for it to be used.
    pub suite: Suite,
    /// The library that computes it. `None`: this program was built without one, and has no `sec/1`.
    pub library: Option<SecLibrary>,
}

/// A text that is not a [`SecPolicy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected `require`, `prefer` or `off`")]
pub struct SecPolicyError;

impl SecSettings {
    /// The defaults with this policy.
    #[must_use]
    pub fn new(policy: SecPolicy) -> Self {
        Self { policy, suite: Suite::fastest(), library: SecLibrary::best() }
    }

    /// Plain RLPx only.
    #[must_use]
    pub const fn off() -> Self {
        Self { policy: SecPolicy::Off, suite: Suite::ChaCha20Poly1305, library: None }
    }

    /// The library, if `sec/1` is to be used where the peer has it.
    pub(crate) fn active(&self) -> Option<SecLibrary> {
        self.library.filter(|_| self.policy != SecPolicy::Off)
    }

    /// Whether plain RLPx is refused.
    pub(crate) fn is_required(&self) -> bool {
        self.policy == SecPolicy::Require
    }
}

impl Default for SecSettings {
    fn default() -> Self {
        Self::new(SecPolicy::default())
    }
}

impl SecPolicy {
    /// Its name, as [`FromStr`] reads it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Require => "require",
            Self::Prefer => "prefer",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for SecPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for SecPolicy {
    type Err = SecPolicyError;

    fn from_str(text: &str) -> Result<Self, SecPolicyError> {
        let named = |policy: &Self| policy.name() == text;
        [Self::Require, Self::Prefer, Self::Off].into_iter().find(named).ok_or(SecPolicyError)
    }
}

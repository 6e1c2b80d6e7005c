//! How a connection is encrypted.

use std::fmt;

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Link {
    /// The frames of RLPx.
    Rlpx,
    /// The records of `sec/1`, after X25519 and ML-KEM-768.
    Sec(Suite),
}

/// The authenticated encryption of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-256-GCM, for processors with instructions for AES.
    Aes256Gcm,
    /// ChaCha20-Poly1305, for others. Without such instructions AES is slow, or not in constant time.
    ChaCha20Poly1305,
}

impl Link {
    /// Whether this is `sec/1`.
    #[must_use]
    pub const fn is_sec(self) -> bool {
        matches!(self, Self::Sec(_))
    }

    /// The name of the protocol: `rlpx` or `sec/1`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rlpx => "rlpx",
            Self::Sec(_) => "sec/1",
        }
    }

    /// The algorithms of `sec/1`: key agreements and encryption. `None` for RLPx.
    #[must_use]
    pub const fn algorithms(self) -> Option<&'static str> {
        match self {
            Self::Rlpx => None,
            Self::Sec(Suite::Aes256Gcm) => Some("X25519 ML-KEM-768 AES-256-GCM"),
            Self::Sec(Suite::ChaCha20Poly1305) => Some("X25519 ML-KEM-768 ChaCha20-Poly1305"),
        }
    }
}

impl Suite {
    /// The one that is faster on this processor.
    #[must_use]
    pub fn fastest() -> Self {
        if has_aes() { Self::Aes256Gcm } else { Self::ChaCha20Poly1305 }
    }

    /// The one that two ends use that prefer these.
    pub(super) fn agreed(one: Self, other: Self) -> Self {
        if one == other { one } else { Self::ChaCha20Poly1305 }
    }

    /// Its number on the wire.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::ChaCha20Poly1305 => 2,
        }
    }

    /// The suite with this number.
    pub(super) const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Aes256Gcm),
            2 => Some(Self::ChaCha20Poly1305),
            _ => None,
        }
    }
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
const fn has_aes() -> bool {
    false
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.algorithms().map_or(Ok(()), |algorithms| write!(f, " ({algorithms})"))
    }
}

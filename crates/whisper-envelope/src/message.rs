//! What an envelope says to those who can open it.

use std::fmt;

use bytes::Bytes;
use keccak_lanes::keccak256;
use p2p_identity::{PublicKey, SecretKey, Signature};
use thiserror::Error;

use crate::{Dialect, Envelope, SymmetricKey, crypto, payload::SIGNATURE};

/// What an opened envelope says.
///
/// The parts are slices of one plaintext and share its memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// What the sender wanted to say.
    pub payload: Bytes,
    /// What hid its length. In automatic padding random, otherwise whatever the sender put there.
    pub padding: Bytes,
    /// The signature as it came, `r ‖ s ‖ v`, if there was one. It is valid.
    pub signature: Option<[u8; SIGNATURE]>,
    /// Who signed it: the only statement about its author that can be trusted.
    pub signer: Option<PublicKey>,
}

/// Why an envelope does not open.
///
/// For most envelopes that a node meets this is the normal case: they are for someone else. It is
/// never a reason to close a connection, because a relay cannot see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The form of the envelope is newer than this code. Pass it on unopened.
    #[error("envelope version {version} is newer than 0")]
    NewerVersion {
        /// What it says its version is.
        version: u32,
    },
    /// shh/5: opened with a symmetric key, but encrypted for a public key.
    #[error("not encrypted symmetrically")]
    NotSymmetric,
    /// shh/5: opened with a secret key, but encrypted symmetrically.
    #[error("not encrypted asymmetrically")]
    NotAsymmetric,
    /// The data are shorter than any encryption of this kind makes them.
    #[error("data of {len} bytes, at least {min} needed")]
    DataTooShort {
        /// How long they are.
        len: usize,
        /// How long they must be.
        min: usize,
    },
    /// Encrypted for another key, or changed on the way. The two cannot be told apart.
    #[error("wrong key, or changed data")]
    WrongKey,
    /// The plaintext is empty. From here on: a sender who has the key wrote nonsense, perhaps to
    /// crash its readers.
    #[error("plaintext: empty")]
    Empty,
    /// The plaintext ends within a length.
    #[error("plaintext: ends within a length")]
    LengthCut,
    /// A length claims more than there is.
    #[error("plaintext: length of {claimed} bytes where {available} are left")]
    LengthBeyondEnd {
        /// What it claims.
        claimed: usize,
        /// What there is.
        available: usize,
    },
    /// shh/5: the length of the padding counts its own bytes and is smaller than they are many.
    #[error("plaintext: length of {claimed} that takes {width} bytes and counts them")]
    LengthBelowItself {
        /// What it claims.
        claimed: usize,
        /// How many bytes it takes.
        width: usize,
    },
    /// The plaintext claims a signature and is too short for a signed message.
    #[error("plaintext: ends within the signature")]
    SignatureCut,
    /// No key can have made the signature.
    #[error("plaintext: invalid signature")]
    InvalidSignature,
}

impl Envelope {
    /// Opens an envelope for all who have `key`.
    ///
    /// Costs one AES-256-GCM over the data, and one signature recovery if the message is signed.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; commonly [`OpenError::WrongKey`].
    pub fn open_symmetric(&self, key: &SymmetricKey) -> Result<Message, OpenError> {
        self.check_version()?;
        let plaintext = crypto::open_symmetric(self.unsealed(), key)?;
        Message::parse(self.dialect(), &plaintext.into())
    }

    /// Opens an envelope for the one who has `key`.
    ///
    /// Costs one multiplication on the curve and one pass over the data, and one signature recovery
    /// if the message is signed.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; commonly [`OpenError::WrongKey`].
    pub fn open_asymmetric(&self, key: &SecretKey) -> Result<Message, OpenError> {
        self.check_version()?;
        let plaintext = crypto::open_asymmetric(self.unsealed(), key)?;
        Message::parse(self.dialect(), &plaintext.into())
    }

    const fn check_version(&self) -> Result<(), OpenError> {
        match self.version() {
            0 => Ok(()),
            version => Err(OpenError::NewerVersion { version }),
        }
    }
}

impl Message {
    /// Reads a decrypted message, and finds out who signed it.
    ///
    /// Total: there are plaintexts over which go-ethereum crashes (`03 01` is one); here each is a
    /// message or an error. Flags that have no meaning are ignored.
    ///
    /// # Errors
    ///
    /// The variants of [`OpenError`] from [`OpenError::Empty`] on.
    pub fn parse(dialect: Dialect, plaintext: &Bytes) -> Result<Self, OpenError> {
        let (spans, signature) = dialect.differences().layout.parse(plaintext)?;
        let signature = signature.copied();
        let signer = match &signature {
            None => None,
            Some(signature) => {
                let digest = keccak256(&plaintext[..plaintext.len() - SIGNATURE]);
                let signer = Signature::from_bytes(signature).and_then(|it| it.recover(&digest));
                Some(signer.map_err(|_| OpenError::InvalidSignature)?)
            }
        };
        let payload = plaintext.slice(spans.payload);
        let padding = plaintext.slice(spans.padding);
        Ok(Self { payload, padding, signature, signer })
    }
}

/// Lengths, not contents: messages are private.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("payload_len", &self.payload.len())
            .field("padding_len", &self.padding.len())
            .field("signed", &self.signer.is_some())
            .finish_non_exhaustive()
    }
}

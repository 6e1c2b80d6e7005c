//! Messages, the decrypted content of envelopes.

use std::fmt;

use bytes::Bytes;
use keccak_lanes::keccak256;
use p2p_identity::{PublicKey, SecretKey, Signature};

use crate::{Dialect, Envelope, SymmetricKey, crypto, error::OpenError, payload::SIGNATURE_LEN};

/// The content of an opened envelope.
///
/// The parts are slices of one plaintext and share its memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The payload.
    pub payload: Bytes,
    /// The padding: random if automatic, otherwise chosen by the sender.
    pub padding: Bytes,
    /// The signature as received, `r ‖ s ‖ v`, if the message is signed. It is valid.
    pub signature: Option<[u8; SIGNATURE_LEN]>,
    /// The signer's key. It is the only proof of a message's author.
    pub signer: Option<PublicKey>,
}

impl Envelope {
    /// Opens an envelope that is encrypted with `key`.
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

    /// Opens an envelope that is encrypted for the public key of `key`.
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
    /// Parses a decrypted message and recovers its signer.
    ///
    /// Total: plaintexts that crash go-ethereum, such as `03 01`, are errors here. Unknown flags are
    /// ignored.
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
                let digest = keccak256(&plaintext[..plaintext.len() - SIGNATURE_LEN]);
                let signer = Signature::from_bytes(signature).and_then(|it| it.recover(&digest));
                Some(signer.map_err(|_| OpenError::InvalidSignature)?)
            }
        };
        let payload = plaintext.slice(spans.payload);
        let padding = plaintext.slice(spans.padding);
        Ok(Self { payload, padding, signature, signer })
    }
}

/// Lengths only, because messages are private.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("payload_len", &self.payload.len())
            .field("padding_len", &self.padding.len())
            .field("signed", &self.signer.is_some())
            .finish_non_exhaustive()
    }
}

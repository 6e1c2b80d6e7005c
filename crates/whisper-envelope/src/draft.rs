//! Drafts of messages.

use std::{borrow::Cow, fmt};

use keccak_lanes::keccak256;
use p2p_identity::{PublicKey, SecretKey};
use rand_core::CryptoRng;

use crate::{
    Dialect, SymmetricKey, Topic, Unsealed,
    crypto::{self, Ciphertext},
    error::DraftError,
    payload::SIGNATURE_LEN,
};

/// The recipients of a message.
#[derive(Clone, Copy)]
pub enum Recipient<'a> {
    /// All holders of this key.
    Symmetric(&'a SymmetricKey),
    /// The holder of the secret key of this public key.
    Asymmetric(&'a PublicKey),
}

/// Bytes that hide the length of a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding<'a> {
    /// Random bytes up to the next multiple of 256.
    #[default]
    Automatic,
    /// Exactly these bytes; the recipient can read them. Empty padding is allowed and reveals the length.
    Explicit(&'a [u8]),
}

/// A message to be encrypted: its recipient, its payload and its signer.
///
/// [`encrypt`](Self::encrypt) makes an envelope without proof of work from it. The draft is not checked
/// before that. A draft can be encrypted several times; observers cannot link the envelopes.
///
/// ```
/// use rand::rng;
/// use whisper_envelope::{Dialect, Draft, Recipient, SymmetricKey, Topic};
///
/// let key = SymmetricKey::random(&mut rng());
/// let envelope = Draft::new(Dialect::V6, Recipient::Symmetric(&key), 1_700_000_000)
///     .payload(b"hello")
///     .topic(Topic(*b"news"))
///     .ttl(10)
///     .encrypt(&mut rng())?
///     .seal(0);
/// assert_eq!(envelope.expiry(), 1_700_000_010);
/// // Flags, length, payload and padding, then the tag and the nonce of AES-GCM.
/// assert_eq!(envelope.data().len(), 256 + 16 + 12);
/// # Ok::<_, whisper_envelope::DraftError>(())
/// ```
#[derive(Clone)]
pub struct Draft<'a> {
    dialect: Dialect,
    to: Recipient<'a>,
    sent: u32,
    ttl: u32,
    topic: Topic,
    payload: &'a [u8],
    padding: Padding<'a>,
    signer: Option<&'a SecretKey>,
}

impl<'a> Draft<'a> {
    /// Default time to live in seconds, as in go-ethereum.
    pub const DEFAULT_TTL: u32 = 50;

    /// An empty message to `to`, sent at `sent` (seconds since 1970): no topic, automatic padding,
    /// not signed.
    #[must_use]
    pub const fn new(dialect: Dialect, to: Recipient<'a>, sent: u32) -> Self {
        Self {
            dialect,
            to,
            sent,
            ttl: Self::DEFAULT_TTL,
            topic: Topic([0; 4]),
            payload: &[],
            padding: Padding::Automatic,
            signer: None,
        }
    }

    /// The payload. At most 2^24 - 1 bytes in shh/6; empty by default.
    #[must_use]
    pub const fn payload(mut self, payload: &'a [u8]) -> Self {
        self.payload = payload;
        self
    }

    /// The padding. [`Padding::Automatic`] by default.
    #[must_use]
    pub const fn padding(mut self, padding: Padding<'a>) -> Self {
        self.padding = padding;
        self
    }

    /// Signs the message. Only the recipient can see the signature. Not signed by default.
    #[must_use]
    pub const fn sign(mut self, key: &'a SecretKey) -> Self {
        self.signer = Some(key);
        self
    }

    /// The topic, which relays can read. All zeros by default.
    #[must_use]
    pub const fn topic(mut self, topic: Topic) -> Self {
        self.topic = topic;
        self
    }

    /// The time to live in seconds: how long nodes keep and relay the envelope. [`Self::DEFAULT_TTL`] by default.
    /// The needed work grows with it.
    #[must_use]
    pub const fn ttl(mut self, ttl: u32) -> Self {
        self.ttl = ttl;
        self
    }

    /// Encrypts the message. The envelope still lacks its proof of work.
    ///
    /// # Errors
    ///
    /// [`DraftError`].
    pub fn encrypt(&self, rng: &mut (impl CryptoRng + ?Sized)) -> Result<Unsealed, DraftError> {
        let plaintext = self.plaintext(rng)?;
        let ciphertext = match self.to {
            Recipient::Symmetric(key) => {
                let nonce = crypto::random_nonce(rng);
                Ciphertext::symmetric(self.dialect, key, nonce, &plaintext)
            }
            Recipient::Asymmetric(key) => {
                Ciphertext::asymmetric(self.dialect, key, &plaintext, rng)
            }
        };
        self.enclose(&ciphertext)
    }

    /// The plaintext: flags, payload, padding, signature. `rng` is for automatic padding.
    ///
    /// This is the first half of [`encrypt`](Self::encrypt), to reproduce a known envelope.
    ///
    /// # Errors
    ///
    /// [`DraftError::PayloadTooLong`], [`DraftError::PaddingTooLong`].
    pub fn plaintext(&self, rng: &mut (impl CryptoRng + ?Sized)) -> Result<Vec<u8>, DraftError> {
        let layout = self.dialect.differences().layout;
        let padding = match self.padding {
            Padding::Explicit([]) => None,
            Padding::Explicit(bytes) => Some(Cow::Borrowed(bytes)),
            Padding::Automatic => {
                let signature = self.signer.map_or(0, |_| SIGNATURE_LEN);
                (layout.automatic)(self.payload.len(), signature).map(|len| {
                    let mut bytes = vec![0; len];
                    rng.fill_bytes(&mut bytes);
                    Cow::Owned(bytes)
                })
            }
        };
        let sign = self.signer.map(|key| |signed: &[u8]| key.sign(&keccak256(signed)).to_bytes());
        layout.assemble(self.payload, padding.as_deref(), sign)
    }

    /// Puts an encrypted message into an envelope with the topic and times of this draft. The content is not
    /// compared with that of the draft.
    ///
    /// This is the second half of [`encrypt`](Self::encrypt), to reproduce a known envelope.
    ///
    /// # Errors
    ///
    /// [`DraftError::ZeroTtl`], [`DraftError::ExpiryOverflow`].
    pub fn enclose(&self, ciphertext: &Ciphertext) -> Result<Unsealed, DraftError> {
        if self.ttl == 0 {
            return Err(DraftError::ZeroTtl);
        }
        let expiry = self.sent.checked_add(self.ttl).ok_or(DraftError::ExpiryOverflow)?;
        let enclose = ciphertext.dialect.differences().enclose;
        Ok(enclose(expiry, self.ttl, self.topic, ciphertext))
    }
}

/// Without keys and payload.
impl fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("dialect", &self.dialect)
            .field("topic", &self.topic)
            .field("payload_len", &self.payload.len())
            .field("signed", &self.signer.is_some())
            .finish_non_exhaustive()
    }
}

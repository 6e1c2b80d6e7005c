//! A message that is being written.

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

/// Who shall be able to read a message.
#[derive(Clone, Copy)]
pub enum Recipient<'a> {
    /// All who have this key.
    Symmetric(&'a SymmetricKey),
    /// The one who has the secret key of this.
    Asymmetric(&'a PublicKey),
}

/// What hides how long a payload is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding<'a> {
    /// Random bytes up to the next multiple of 256.
    #[default]
    Automatic,
    /// Exactly these bytes, which the recipient gets to see. None at all is allowed, and shows the
    /// length.
    Explicit(&'a [u8]),
}

/// A message that is being written: whom it is for, what it says, whether it is signed.
///
/// [`encrypt`](Self::encrypt) makes of it an envelope that lacks its proof of work. Nothing is
/// checked before that. A draft can be encrypted again, into an envelope that nobody can link to the
/// first.
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
/// // Flags, length, payload and padding; then the tag and the nonce of AES-GCM.
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
    /// The time to live, in seconds, where none is given: go-ethereum's.
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

    /// What the message says. At most 2^24 - 1 bytes in shh/6; empty by default.
    #[must_use]
    pub const fn payload(mut self, payload: &'a [u8]) -> Self {
        self.payload = payload;
        self
    }

    /// What hides the length of the payload. [`Padding::Automatic`] by default.
    #[must_use]
    pub const fn padding(mut self, padding: Padding<'a>) -> Self {
        self.padding = padding;
        self
    }

    /// Signs the message, which shows the recipient (only) who wrote it. Not signed by default.
    #[must_use]
    pub const fn sign(mut self, key: &'a SecretKey) -> Self {
        self.signer = Some(key);
        self
    }

    /// What relays may know it is about. All zeros by default.
    #[must_use]
    pub const fn topic(mut self, topic: Topic) -> Self {
        self.topic = topic;
        self
    }

    /// For how many seconds it is to be passed on. [`Self::DEFAULT_TTL`] by default; the work that
    /// is needed grows with it.
    #[must_use]
    pub const fn ttl(mut self, ttl: u32) -> Self {
        self.ttl = ttl;
        self
    }

    /// Encrypts it. What remains to be done is the proof of work.
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

    /// What will be encrypted: flags, payload, padding, signature. `rng` is for automatic padding.
    ///
    /// The first half of [`encrypt`](Self::encrypt), for repeating a known envelope.
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

    /// Puts an encrypted message into an envelope with the topic and times of this draft. Whether it
    /// says what the draft says is not checked.
    ///
    /// The second half of [`encrypt`](Self::encrypt), for repeating a known envelope.
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

/// Neither keys nor payload.
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

//! Sealed envelopes, as nodes exchange them.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use keccak_lanes::Digest;
use rlp_codec::Encodable as _;

use crate::{Bloom, Dialect, EnvelopeError, Topic, Unhashed, Unsealed, unsealed::list_header};

/// A sealed envelope: nodes store and relay it without being able to read its message.
///
/// It keeps the bytes from which it was [decoded](Self::decode). Exactly these are relayed; it is never
/// encoded again. Its hash, which identifies it in the network, is computed once.
///
/// Only its form is checked. Expiry, time to live and topic are claims of the sender. `whisper-pow` computes its
/// proof of work, and only the holders of the key can read its message.
///
/// Two envelopes are equal if their hashes are equal. A clone shares the bytes.
///
/// ```
/// use whisper_envelope::{Dialect, Envelope, Topic, Unsealed};
///
/// let sealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), b"encrypted").seal(42);
/// let received = Envelope::decode(Dialect::V6, sealed.raw().clone())?;
/// assert_eq!(received.hash(), sealed.hash());
/// assert_eq!((received.topic(), received.nonce()), (Topic(*b"news"), 42));
/// assert_eq!(received.sent(), Some(1_700_000_000));
/// # Ok::<_, whisper_envelope::EnvelopeError>(())
/// ```
#[derive(Clone)]
pub struct Envelope {
    unsealed: Unsealed,
    nonce: u64,
    raw: Bytes,
    hash: Digest,
}

impl Envelope {
    /// `hash` must be that of the raw bytes.
    pub(crate) fn new(Unhashed { unsealed, nonce, raw }: Unhashed, hash: Digest) -> Self {
        Self { unsealed, nonce, raw, hash }
    }

    /// Decodes an envelope from the whole of `raw`.
    ///
    /// `raw` is kept, not copied. If it is a slice of a larger packet, the whole packet stays in memory as long
    /// as the envelope; see [`detached`](Self::detached).
    ///
    /// Costs one pass over the field headers and one Keccak-256 over `raw`; allocates nothing. For many
    /// envelopes see [`Unhashed`].
    ///
    /// # Errors
    ///
    /// `raw` does not have exactly the fields of the `dialect`, each canonical and of the right length.
    pub fn decode(dialect: Dialect, raw: Bytes) -> Result<Self, EnvelopeError> {
        Unhashed::decode(dialect, raw).map(Unhashed::into_envelope)
    }

    /// A copy of the envelope in memory of its own, without unused capacity.
    ///
    /// For envelopes that are stored and came in a packet with others: otherwise a peer could make one small
    /// envelope keep a large packet in memory.
    #[must_use]
    pub fn detached(&self) -> Self {
        let raw = Bytes::copy_from_slice(&self.raw);
        // The body ends where the nonce begins, and begins where the list's header ends.
        let end = raw.len() - self.nonce.length();
        let body = raw.slice(end - self.unsealed.body.len()..end);
        let unsealed = Unsealed { body, ..self.unsealed.clone() };
        Self { unsealed, raw, ..*self }
    }

    /// The envelope without its nonce.
    #[must_use]
    pub const fn unsealed(&self) -> &Unsealed {
        &self.unsealed
    }

    /// The nonce of the proof of work.
    #[must_use]
    pub const fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Keccak-256 of the envelope's bytes, which identifies it.
    #[must_use]
    pub const fn hash(&self) -> &Digest {
        &self.hash
    }

    /// The envelope as RLP, exactly as received.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// See [`Unsealed::dialect`].
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.unsealed.dialect()
    }

    /// See [`Unsealed::version`].
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.unsealed.version()
    }

    /// See [`Unsealed::expiry`].
    #[must_use]
    pub const fn expiry(&self) -> u32 {
        self.unsealed.expiry()
    }

    /// See [`Unsealed::ttl`].
    #[must_use]
    pub const fn ttl(&self) -> u32 {
        self.unsealed.ttl()
    }

    /// See [`Unsealed::sent`].
    #[must_use]
    pub const fn sent(&self) -> Option<u32> {
        self.unsealed.sent()
    }

    /// See [`Unsealed::topic`].
    #[must_use]
    pub const fn topic(&self) -> Topic {
        self.unsealed.topic()
    }

    /// See [`Unsealed::bloom`].
    #[must_use]
    pub const fn bloom(&self) -> Bloom {
        self.unsealed.bloom()
    }

    /// See [`Unsealed::aes_nonce`].
    #[must_use]
    pub const fn aes_nonce(&self) -> Option<&[u8; 12]> {
        self.unsealed.aes_nonce()
    }

    /// See [`Unsealed::data`].
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.unsealed.data()
    }

    /// See [`Unsealed::size`].
    #[must_use]
    pub const fn size(&self) -> usize {
        self.unsealed.size()
    }
}

impl Unsealed {
    /// The envelope with this `nonce`. The work is not checked.
    #[must_use]
    pub fn seal(&self, nonce: u64) -> Envelope {
        let header = list_header(self.body.len() + nonce.length());
        let mut raw = BytesMut::with_capacity(header.length_with_payload());
        header.encode(&mut raw);
        let start = raw.len();
        raw.put_slice(&self.body);
        nonce.encode(&mut raw);
        let raw = raw.freeze();
        let body = raw.slice(start..start + self.body.len());
        Unhashed { unsealed: Self { body, ..self.clone() }, nonce, raw }.into_envelope()
    }
}

impl PartialEq for Envelope {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Envelope {}

impl Hash for Envelope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

/// Without the bytes of the data, which may be large.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("hash", &hex::encode(self.hash))
            .field("nonce", &self.nonce)
            .field("unsealed", &self.unsealed)
            .finish_non_exhaustive()
    }
}

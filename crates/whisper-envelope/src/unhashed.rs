//! Envelopes that are decoded but not hashed, so that many can be hashed side by side.

use std::fmt;

use bytes::Bytes;
use keccak_lanes::{keccak256, keccak256_batch};

use crate::{Dialect, Envelope, EnvelopeError, Unsealed};

/// A decoded envelope without its hash.
///
/// The hash is most of the cost of decoding an envelope, and hashing many envelopes together is several times
/// as fast as one by one. For a packet of envelopes, decode all of them and then hash them together.
///
/// ```
/// use whisper_envelope::{Dialect, Envelope, Topic, Unhashed, Unsealed};
///
/// let sealed = [1, 2].map(|nonce| Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), b"..").seal(nonce));
/// let read: Result<Vec<_>, _> =
///     sealed.iter().map(|it| Unhashed::decode(Dialect::V6, it.raw().clone())).collect();
/// assert_eq!(Unhashed::into_envelopes(read?), sealed);
/// # Ok::<_, whisper_envelope::EnvelopeError>(())
/// ```
#[derive(Clone)]
pub struct Unhashed {
    /// The content of `raw` without the nonce.
    pub(crate) unsealed: Unsealed,
    pub(crate) nonce: u64,
    pub(crate) raw: Bytes,
}

impl Unhashed {
    /// Decodes an envelope from the whole of `raw`, as [`Envelope::decode`] does. Costs one pass over the field
    /// headers; allocates nothing.
    ///
    /// # Errors
    ///
    /// `raw` does not have exactly the fields of the `dialect`, each canonical and of the right length.
    pub fn decode(dialect: Dialect, raw: Bytes) -> Result<Self, EnvelopeError> {
        let (unsealed, nonce) = rlp_codec::decode_list(&raw, |list| {
            let start = list.offset();
            let mut fields = (dialect.differences().decode)(list)?;
            fields.data = fields.data.start - start..fields.data.end - start;
            let body = raw.slice(start..list.offset());
            Ok::<_, EnvelopeError>((Unsealed { dialect, fields, body }, list.uint()?))
        })?;
        Ok(Self { unsealed, nonce, raw })
    }

    /// The envelope as RLP, exactly as received.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
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

    /// The envelope with its hash.
    #[must_use]
    pub fn into_envelope(self) -> Envelope {
        let hash = keccak256(&self.raw);
        Envelope::new(self, hash)
    }

    /// The envelopes, in the same order, hashed side by side.
    #[must_use]
    pub fn into_envelopes(unhashed: Vec<Self>) -> Vec<Envelope> {
        let mut hashes = vec![[0; 32]; unhashed.len()];
        let raws: Vec<&[u8]> = unhashed.iter().map(|it| it.raw.as_ref()).collect();
        keccak256_batch(&raws, &mut hashes);
        unhashed.into_iter().zip(hashes).map(|(it, hash)| Envelope::new(it, hash)).collect()
    }
}

impl fmt::Debug for Unhashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unhashed")
            .field("nonce", &self.nonce)
            .field("unsealed", &self.unsealed)
            .finish_non_exhaustive()
    }
}

//! An envelope without its nonce: what the proof of work is done on.

mod fields;

use std::fmt;

use bytes::Bytes;
use rlp_codec::{Encodable as _, Header};

use crate::{Bloom, Dialect, Topic};
pub(crate) use fields::Fields;

/// An envelope that lacks its nonce.
///
/// It is what a [`Draft`](crate::Draft) becomes when it is encrypted and what the search for a proof
/// of work starts from; [`seal`](Self::seal) makes it an [`Envelope`]. Every envelope also has one
/// inside ([`Envelope::unsealed`]), for checking its work.
///
/// [`Unsealed::v5`] and [`Unsealed::v6`] make one from its fields, whatever those are: a time to
/// live of 0 is possible here, and refused where it matters.
///
/// A clone shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Unsealed {
    pub(crate) dialect: Dialect,
    pub(crate) fields: Fields,
    /// The fields as RLP one after another, without the header of the list around them.
    pub(crate) body: Bytes,
}

impl Unsealed {
    /// Bytes of the fields of fixed length, as go-ethereum counts them: expiry and time to live 4
    /// each, topic 4, nonce 8.
    const FIXED: usize = 20;

    /// An shh/5 envelope of these fields, without its nonce.
    ///
    /// `version` is 0 in all envelopes that can be opened; `expiry` is in seconds since 1970, `ttl`
    /// in seconds; `aes_nonce` belongs to symmetric encryption, `None` means asymmetric; `data` is
    /// the encrypted message.
    #[must_use]
    pub fn v5(
        version: u8,
        expiry: u32,
        ttl: u32,
        topic: Topic,
        aes_nonce: Option<[u8; 12]>,
        data: &[u8],
    ) -> Self {
        let nonce_bytes = aes_nonce.as_ref().map_or(&[][..], |nonce| nonce);
        let mut body = Vec::with_capacity(data.len() + 40);
        [version].encode(&mut body);
        expiry.encode(&mut body);
        ttl.encode(&mut body);
        topic.0.encode(&mut body);
        nonce_bytes.encode(&mut body);
        data.encode(&mut body);
        let span = body.len() - data.len()..body.len();
        let variable = 1 + nonce_bytes.len() + data.len();
        let version = u32::from(version);
        let fields = Fields { version, expiry, ttl, topic, aes_nonce, data: span, variable };
        Self { dialect: Dialect::V5, fields, body: body.into() }
    }

    /// An shh/6 envelope of these fields, without its nonce.
    ///
    /// `expiry` is in seconds since 1970, `ttl` in seconds, `data` the encrypted message.
    #[must_use]
    pub fn v6(expiry: u32, ttl: u32, topic: Topic, data: &[u8]) -> Self {
        let mut body = Vec::with_capacity(data.len() + 24);
        expiry.encode(&mut body);
        ttl.encode(&mut body);
        topic.0.encode(&mut body);
        data.encode(&mut body);
        let span = body.len() - data.len()..body.len();
        let fields = Fields {
            version: 0,
            expiry,
            ttl,
            topic,
            aes_nonce: None,
            data: span,
            variable: data.len(),
        };
        Self { dialect: Dialect::V6, fields, body: body.into() }
    }

    /// The version of Whisper that it belongs to.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The version of the envelope's form: 0 unless the sender knows more than we do, and always in
    /// shh/6. A higher one is passed on and not opened.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.fields.version
    }

    /// When it ends, in seconds since 1970. The sender's claim.
    #[must_use]
    pub const fn expiry(&self) -> u32 {
        self.fields.expiry
    }

    /// For how many seconds it is to be kept and passed on. The sender's claim, and 0 is possible:
    /// its work would be infinite.
    #[must_use]
    pub const fn ttl(&self) -> u32 {
        self.fields.ttl
    }

    /// When it was sent, in seconds since 1970: expiry less time to live. `None` where that is
    /// before 1970, which no honest sender says. (In 32 bits it would wrap into the far future.)
    #[must_use]
    pub const fn sent(&self) -> Option<u32> {
        self.fields.expiry.checked_sub(self.fields.ttl)
    }

    /// What it is about.
    #[must_use]
    pub const fn topic(&self) -> Topic {
        self.fields.topic
    }

    /// The bloom of its topic in the specified form. For deciding whom to send it to see
    /// [`Bloom::of_overwriting`].
    #[must_use]
    pub const fn bloom(&self) -> Bloom {
        Bloom::of(self.fields.topic)
    }

    /// In shh/5 the nonce of symmetric encryption, `None` where the encryption is asymmetric. Always
    /// `None` in shh/6, which does not tell the two apart.
    #[must_use]
    pub const fn aes_nonce(&self) -> Option<&[u8; 12]> {
        self.fields.aes_nonce.as_ref()
    }

    /// The encrypted message.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.body[self.fields.data.clone()]
    }

    /// Its size as go-ethereum counts it for the proof of work and for the message limit: 20 and the
    /// lengths of the data and, in shh/5, of version and AES nonce. A few bytes more or less than the
    /// RLP.
    #[must_use]
    pub const fn size(&self) -> usize {
        Self::FIXED + self.fields.variable
    }

    /// The RLP of all fields but the nonce: what the proof of work hashes.
    #[must_use]
    pub fn preimage(&self) -> UnsealedRlp<'_> {
        UnsealedRlp::new(&self.body)
    }

    /// How long the RLP of the envelope will be with this `nonce`.
    #[must_use]
    pub fn sealed_len(&self, nonce: u64) -> usize {
        list_header(self.body.len() + nonce.length()).length_with_payload()
    }
}

/// The fields but not the bytes of the data, which may be large.
impl fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsealed")
            .field("dialect", &self.dialect)
            .field("expiry", &self.expiry())
            .field("ttl", &self.ttl())
            .field("topic", &self.topic())
            .field("data_len", &self.fields.data.len())
            .finish_non_exhaustive()
    }
}

/// The RLP of an envelope without its nonce: a list header made anew, and the fields where they lie.
///
/// ```
/// use whisper_envelope::{Topic, Unsealed};
///
/// let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 4]);
/// let preimage = unsealed.preimage();
/// assert_eq!(preimage.to_vec(), [preimage.header(), preimage.body()].concat());
/// assert_eq!(preimage.len(), 1 + 5 + 1 + 5 + 5);
/// ```
#[derive(Clone, Copy)]
pub struct UnsealedRlp<'a> {
    header: [u8; 9],
    header_len: usize,
    body: &'a [u8],
}

impl<'a> UnsealedRlp<'a> {
    fn new(body: &'a [u8]) -> Self {
        let mut header = [0; 9];
        let mut free = header.as_mut_slice();
        list_header(body.len()).encode(&mut free);
        let header_len = 9 - free.len();
        Self { header, header_len, body }
    }

    /// The header of the list: 1 to 9 bytes.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.header[..self.header_len]
    }

    /// The encoded fields, one after another.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Bytes of both.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub const fn len(&self) -> usize {
        self.header_len + self.body.len()
    }

    /// Both in one piece.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        [self.header(), self.body].concat()
    }
}

impl fmt::Debug for UnsealedRlp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnsealedRlp({} bytes)", self.len())
    }
}

pub(crate) const fn list_header(payload_length: usize) -> Header {
    Header { list: true, payload_length }
}

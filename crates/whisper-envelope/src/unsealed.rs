//! Envelopes without a nonce, the input of the proof of work.

mod fields;

use std::fmt;

use bytes::Bytes;
use rlp_codec::{Encodable as _, Header};

use crate::{Bloom, Dialect, Topic};
pub(crate) use fields::Fields;

/// An envelope without its nonce.
///
/// A [`Draft`](crate::Draft) is encrypted into one, and the search for a proof of work starts from it;
/// [`seal`](Self::seal) makes an [`Envelope`](crate::Envelope). Every envelope contains one
/// ([`Envelope::unsealed`](crate::Envelope::unsealed)), to compute its work.
///
/// [`Unsealed::v5`] and [`Unsealed::v6`] make one from its fields and check nothing: a time to live of 0 is
/// possible.
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
    /// Bytes of the fields of fixed length, as go-ethereum counts them: expiry 4, time to live 4, topic 4,
    /// nonce 8.
    const FIXED_LEN: usize = 20;

    /// An shh/5 envelope of these fields, without its nonce.
    ///
    /// `version` is 0 in all envelopes that can be opened. `expiry` is in seconds since 1970, `ttl` in
    /// seconds. `aes_nonce` is for symmetric encryption, `None` means asymmetric. `data` is the encrypted
    /// message.
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

    /// The same envelope as if it was sent at another time, in seconds since 1970. It expires accordingly, at the latest
    /// in the year 2106.
    #[must_use]
    pub fn sent_at(&self, sent: u32) -> Self {
        let mut fields = self.fields.clone();
        fields.expiry = sent.saturating_add(fields.ttl);
        let aes_nonce = match self.dialect {
            Dialect::V5 => self.aes_nonce().map_or(&[][..], |nonce| nonce).length(),
            Dialect::V6 => 0,
        };
        let after =
            fields.ttl.length() + fields.topic.0.length() + aes_nonce + self.data().length();
        let (before, after) = self.body.split_at(self.body.len() - after);
        let mut body = before[..before.len() - self.expiry().length()].to_vec();
        fields.expiry.encode(&mut body);
        body.extend_from_slice(after);
        fields.data = body.len() - self.data().len()..body.len();
        Self { dialect: self.dialect, fields, body: body.into() }
    }

    /// Its version of Whisper.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The version of the envelope's form: 0, unless the sender uses a newer form; always 0 in shh/6. Envelopes
    /// with a higher version are relayed and not opened.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.fields.version
    }

    /// The time at which it expires, in seconds since 1970. A claim of the sender.
    #[must_use]
    pub const fn expiry(&self) -> u32 {
        self.fields.expiry
    }

    /// The time for which nodes keep and relay it, in seconds. A claim of the sender. With 0, which is possible,
    /// its work would be infinite.
    #[must_use]
    pub const fn ttl(&self) -> u32 {
        self.fields.ttl
    }

    /// The time at which it was sent, in seconds since 1970: expiry minus time to live. `None` if that is
    /// before 1970, which no honest sender claims. (In 32 bits it would wrap into the far future.)
    #[must_use]
    pub const fn sent(&self) -> Option<u32> {
        self.fields.expiry.checked_sub(self.fields.ttl)
    }

    /// Its topic.
    #[must_use]
    pub const fn topic(&self) -> Topic {
        self.fields.topic
    }

    /// The bloom of its topic in the specified form. To compare it with blooms of peers, see
    /// [`Bloom::of_overwriting`].
    #[must_use]
    pub const fn bloom(&self) -> Bloom {
        Bloom::of(self.fields.topic)
    }

    /// In shh/5 the nonce of symmetric encryption, `None` if the encryption is asymmetric. Always `None` in
    /// shh/6, which does not distinguish the two.
    #[must_use]
    pub const fn aes_nonce(&self) -> Option<&[u8; 12]> {
        self.fields.aes_nonce.as_ref()
    }

    /// The encrypted message.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.body[self.fields.data.clone()]
    }

    /// Its size as go-ethereum counts it for the proof of work and for the message limit: 20 plus the lengths of
    /// the data and, in shh/5, of version and AES nonce. It differs from the length of the RLP by a few bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        Self::FIXED_LEN + self.fields.variable
    }

    /// The RLP of all fields except the nonce, which the proof of work hashes.
    #[must_use]
    pub fn preimage(&self) -> UnsealedRlp<'_> {
        UnsealedRlp::new(&self.body)
    }

    /// Length of the envelope's RLP with this `nonce`, in bytes.
    #[must_use]
    pub fn sealed_len(&self, nonce: u64) -> usize {
        list_header(self.body.len() + nonce.length()).length_with_payload()
    }
}

/// Without the bytes of the data, which may be large.
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

/// The RLP of an envelope without its nonce: a new list header, and the encoded fields without a copy.
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

    /// Length of both in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub const fn len(&self) -> usize {
        self.header_len + self.body.len()
    }

    /// Header and body in one buffer.
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

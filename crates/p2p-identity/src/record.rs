//! Signed node records (EIP-778): the identity and addresses that a node publishes about itself.

mod content;
mod error;

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use enr::Enr;
use rlp_codec::{Decodable, Encodable, Item, decode};

use crate::enode::check_ip;
use crate::{Enode, Host, NodeId, PublicKey, SecretKey};

pub use content::Content;
pub use error::RecordError;

/// Maximum length of an encoded record, in bytes.
pub const MAX_RECORD: usize = 300;

const PREFIX: &str = "enr:";

/// A signed node record (EIP-778) with the identity scheme `v4`.
///
/// A value of this type has at most [`MAX_RECORD`] bytes and a valid signature. Its content is still only a
/// claim of the node, and may be outdated: of two records of one node, the one with the higher
/// [`sequence`](Self::sequence) is valid.
///
/// `Display` writes the text form, `enr:` and base64 of the URL alphabet without padding. `FromStr` reads
/// it, with or without padding, and the RLP in hexadecimal (`0xf8…`), which is what `admin_nodeInfo` of
/// go-ethereum 1.8 shows. White space around and within the text is ignored.
///
/// ```
/// use p2p_identity::{Content, Record, SecretKey};
///
/// let key = SecretKey::random(&mut rand::rng());
/// let content = Content::new().ip("10.0.0.7".parse()?).tcp(30303).set("color", &"blue");
/// let record = Record::sign(&key, 1, &content)?;
///
/// let found: Record = record.to_string().parse()?;
/// assert_eq!(found.id(), key.id());
/// assert_eq!((found.tcp(), found.get::<String>("color")), (Some(30303), Some("blue".to_owned())));
///
/// // The node's address changed: a newer record replaces this one.
/// let moved = record.update(&key, &content.tcp(30304))?;
/// assert_eq!((moved.sequence(), moved.tcp()), (2, Some(30304)));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Record(Enr<secp256k1::SecretKey>);

impl Record {
    /// Makes a record with this content and signs it. The public key is added.
    ///
    /// `sequence` must be higher than that of every earlier record of this key. A node that does not store
    /// it uses the time of day.
    ///
    /// # Errors
    ///
    /// [`RecordError::TooLong`].
    pub fn sign(key: &SecretKey, sequence: u64, content: &Content) -> Result<Self, RecordError> {
        let mut builder = Enr::builder();
        builder.seq(sequence);
        for (name, value) in content.iter() {
            builder.add_value_rlp(name, value.to_vec().into());
        }
        match builder.build(key.scalar()) {
            Ok(record) => Ok(Self(record)),
            Err(_) => Err(RecordError::TooLong { len: content.sealed_len(sequence) }),
        }
    }

    /// The record that replaces this one: with the next sequence number and new content, or this record
    /// if the content is the same.
    ///
    /// # Errors
    ///
    /// [`RecordError::TooLong`]; [`RecordError::ForeignKey`] if this is a record of another key;
    /// [`RecordError::LastSequence`].
    pub fn update(&self, key: &SecretKey, content: &Content) -> Result<Self, RecordError> {
        if key.public_key() != self.public_key() {
            return Err(RecordError::ForeignKey);
        }
        if *content == self.content() {
            return Ok(self.clone());
        }
        let sequence = self.sequence().checked_add(1).ok_or(RecordError::LastSequence)?;
        Self::sign(key, sequence, content)
    }

    /// Reads a record and checks its signature.
    ///
    /// # Errors
    ///
    /// See [`RecordError`]. The signature is checked last, at the cost of two multiplications on the curve.
    pub fn decode(input: &[u8]) -> Result<Self, RecordError> {
        content::check(input)?;
        let record = <Enr<secp256k1::SecretKey> as Decodable>::decode(&mut &*input);
        // Everything except the signature was checked before.
        record.map(Self).map_err(|_| RecordError::Signature)
    }

    /// The record as RLP, as it is sent.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        rlp_codec::encode(&self.0)
    }

    /// The sequence number: a higher one replaces a lower one.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.0.seq()
    }

    /// The node that signed it.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.public_key().id()
    }

    /// The key that it was signed with.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey::from_point(self.0.public_key())
    }

    /// The content, without the identity scheme and the public key.
    #[must_use]
    pub fn content(&self) -> Content {
        self.0.iter().filter(|(name, _)| !content::is_reserved(name)).collect()
    }

    /// The IPv4 address.
    #[must_use]
    pub fn ip(&self) -> Option<Ipv4Addr> {
        self.0.ip4()
    }

    /// The IPv6 address.
    #[must_use]
    pub fn ip6(&self) -> Option<Ipv6Addr> {
        self.0.ip6()
    }

    /// The TCP port (RLPx), for both addresses unless there is a [`tcp6`](Self::tcp6).
    #[must_use]
    pub fn tcp(&self) -> Option<u16> {
        self.0.tcp4()
    }

    /// The TCP port of the IPv6 address.
    #[must_use]
    pub fn tcp6(&self) -> Option<u16> {
        self.0.tcp6()
    }

    /// The UDP port (discovery), for both addresses unless there is a [`udp6`](Self::udp6).
    #[must_use]
    pub fn udp(&self) -> Option<u16> {
        self.0.udp4()
    }

    /// The UDP port of the IPv6 address.
    #[must_use]
    pub fn udp6(&self) -> Option<u16> {
        self.0.udp6()
    }

    /// The value of `name`, if it exists and is a `T`.
    #[must_use]
    pub fn get<T: Decodable>(&self, name: impl AsRef<[u8]>) -> Option<T> {
        decode(self.raw(name)?).ok()
    }

    /// The value of `name` as an RLP item.
    #[must_use]
    pub fn raw(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.0.get_raw_rlp(name)
    }

    /// The address of the node. A missing port is 0.
    ///
    /// With two addresses, one with a TCP port is preferred, then one with a UDP port, then the IPv4 address.
    /// Addresses that no host can have (`0.0.0.0`, multicast) are ignored. `None` if there is no address
    /// with a port.
    #[must_use]
    pub fn enode(&self) -> Option<Enode> {
        let v4 = self.ip().map(|ip| (IpAddr::V4(ip), self.tcp(), self.udp()));
        let v6 = self
            .ip6()
            .map(|ip| (IpAddr::V6(ip), self.tcp6().or(self.tcp()), self.udp6().or(self.udp())));
        let enode_at = |(ip, tcp, udp): (IpAddr, Option<u16>, Option<u16>)| Enode {
            id: self.id(),
            host: Host::Ip(ip.to_canonical()),
            tcp: tcp.unwrap_or_default(),
            udp: udp.unwrap_or_default(),
        };
        // `max_by_key` returns the last of equal elements.
        [v6, v4]
            .into_iter()
            .flatten()
            .filter(|(ip, ..)| check_ip(*ip).is_ok())
            .map(enode_at)
            .filter(|enode| (enode.tcp, enode.udp) != (0, 0))
            .max_by_key(|enode| (enode.tcp != 0, enode.udp != 0))
    }
}

impl Encodable for Record {
    fn encode(&self, out: &mut dyn rlp_codec::BufMut) {
        self.0.encode(out);
    }
}

impl Decodable for Record {
    fn decode(input: &mut &[u8]) -> rlp_codec::alloy_rlp::Result<Self> {
        let (item, rest) = Item::parse_prefix(input)?;
        let record = Self::decode(item.raw()).map_err(|error| match error {
            RecordError::Rlp(error) => error.into(),
            _ => rlp_codec::alloy_rlp::Error::Custom("not a sound node record"),
        })?;
        *input = rest;
        Ok(record)
    }
}

impl FromStr for Record {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, RecordError> {
        let text = text.trim();
        if let Some(digits) = text.strip_prefix(PREFIX) {
            // Four digits encode three bytes.
            let digits = pasted_digits(digits.trim_end_matches(is_padding), |len| len / 4 * 3)?;
            return Self::decode(&URL_SAFE_NO_PAD.decode(digits).map_err(|_| RecordError::Base64)?);
        }
        let digits = text.strip_prefix("0x").ok_or(RecordError::Prefix)?;
        let digits = pasted_digits(digits, |len| len / 2)?;
        Self::decode(&hex::decode(digits).map_err(|_| RecordError::Hex)?)
    }
}

/// What may follow base64 in a pasted text.
fn is_padding(letter: char) -> bool {
    letter == '=' || letter.is_ascii_whitespace()
}

/// The digits without white space, unless there are too many. `bytes` converts a number of digits to the
/// number of bytes that they encode.
fn pasted_digits(text: &str, bytes: impl Fn(usize) -> usize) -> Result<Vec<u8>, RecordError> {
    let digits = || text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let len = bytes(digits().count());
    if len > MAX_RECORD { Err(RecordError::TooLong { len }) } else { Ok(digits().collect()) }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.encode()))
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record(of {}, {})", self.id().short(), self.sequence())
    }
}

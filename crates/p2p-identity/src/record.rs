//! The signed record of a node (EIP-778): who it is and where, in its own words.

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

/// The most bytes that a record may have.
pub const MAX_RECORD: usize = 300;

const PREFIX: &str = "enr:";

/// A node's signed record (EIP-778), of the identity scheme `v4`.
///
/// Whoever holds one holds a record of at most [`MAX_RECORD`] bytes that its node signed. That says
/// nothing about whether it is true or the newest: of two records of one node the one with the higher
/// [`sequence`](Self::sequence) counts.
///
/// `Display` writes the text form, `enr:` and base64 of the URL alphabet without padding. `FromStr` reads
/// it, with or without padding, and the RLP in hexadecimal (`0xf8…`), which is what `admin_nodeInfo` of
/// go-ethereum 1.8 shows. Blanks and line ends around and within the text are ignored.
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
/// // The node moved: a newer record takes the place of this one.
/// let moved = record.update(&key, &content.tcp(30304))?;
/// assert_eq!((moved.sequence(), moved.tcp()), (2, Some(30304)));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Record(Enr<secp256k1::SecretKey>);

impl Record {
    /// Makes a record with this content and signs it. The key's public half becomes part of it.
    ///
    /// `sequence` must be higher than that of any other record of the same key: a node that does not
    /// remember takes the time of day.
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

    /// The record that replaces this one: of the next higher sequence number with another content, or
    /// this one if the content is the same.
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
    /// See [`RecordError`]. The costly check, two multiplications on the curve, comes last.
    pub fn decode(input: &[u8]) -> Result<Self, RecordError> {
        content::check(input)?;
        let record = <Enr<secp256k1::SecretKey> as Decodable>::decode(&mut &*input);
        // All but the signature has been looked at.
        record.map(Self).map_err(|_| RecordError::Signature)
    }

    /// The record as RLP: what goes over the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        rlp_codec::encode(&self.0)
    }

    /// How often the node has changed its record, or when: of two records the higher counts.
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

    /// What it says, without what the signature adds.
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

    /// The value called `name`, if there is one and it is a `T`.
    #[must_use]
    pub fn get<T: Decodable>(&self, name: impl AsRef<[u8]>) -> Option<T> {
        decode(self.raw(name)?).ok()
    }

    /// The value called `name`, as the RLP item that it is.
    #[must_use]
    pub fn raw(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.0.get_raw_rlp(name)
    }

    /// Where to reach the node. A port that is missing is 0.
    ///
    /// Of two addresses the one with a TCP port is taken; if that is no difference, the one with a UDP
    /// port; otherwise the IPv4 address. Addresses of no machine (`0.0.0.0`, multicast) do not count.
    /// `None` if there is no address with a port.
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
        // The last of equal ones is taken.
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
            // Three bytes are four digits.
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

/// The digits without blanks and line ends, unless they are too many. `bytes` is the number of bytes
/// that a number of digits stands for.
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

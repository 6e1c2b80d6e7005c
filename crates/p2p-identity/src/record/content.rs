//! The content of a record, and the checks of a record except for its signature.

use core::net::IpAddr;
use std::collections::BTreeMap;

use rlp_codec::{Encodable, Error, Header, Item, decode_list, encode};

use super::{MAX_RECORD, RecordError};
use crate::{Enode, Host, PublicKey};

/// Names that signing adds: the identity scheme and the public key.
const RESERVED: [&[u8]; 2] = [b"id", b"secp256k1"];
const SIGNATURE: usize = 64;
const COMPRESSED: usize = 33;

pub(super) fn is_reserved(name: &[u8]) -> bool {
    RESERVED.contains(&name)
}

/// The content of a record: values by name.
///
/// The names of EIP-778 have methods; others are [`set`](Self::set). The identity scheme and the public key
/// (`id`, `secp256k1`) are added when the record is signed: setting them has no effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content(BTreeMap<Vec<u8>, Vec<u8>>);

impl Content {
    /// Empty content.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The address and the ports of an enode URL. A port of 0 is left out. A host name cannot be in a record:
    /// the content is then empty.
    #[must_use]
    pub fn of(enode: &Enode) -> Self {
        let Host::Ip(ip) = enode.host else { return Self::new() };
        let mut content = Self::new().ip(ip);
        if enode.tcp != 0 {
            content = content.tcp(enode.tcp);
        }
        if enode.udp != 0 {
            content = content.udp(enode.udp);
        }
        content
    }

    /// The address, as `ip` or `ip6`.
    #[must_use]
    pub fn ip(self, address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => self.set("ip", &address.octets()),
            IpAddr::V6(address) => self.set("ip6", &address.octets()),
        }
    }

    /// The TCP port (RLPx), for both addresses unless there is a `tcp6`.
    #[must_use]
    pub fn tcp(self, port: u16) -> Self {
        self.set("tcp", &port)
    }

    /// The TCP port of the IPv6 address.
    #[must_use]
    pub fn tcp6(self, port: u16) -> Self {
        self.set("tcp6", &port)
    }

    /// The UDP port (discovery), for both addresses unless there is a `udp6`.
    #[must_use]
    pub fn udp(self, port: u16) -> Self {
        self.set("udp", &port)
    }

    /// The UDP port of the IPv6 address.
    #[must_use]
    pub fn udp6(self, port: u16) -> Self {
        self.set("udp6", &port)
    }

    /// Sets a value, replacing an earlier one of this name.
    #[must_use]
    pub fn set(mut self, name: impl AsRef<[u8]>, value: &(impl Encodable + ?Sized)) -> Self {
        if !is_reserved(name.as_ref()) {
            self.0.insert(name.as_ref().to_vec(), encode(value));
        }
        self
    }

    /// Removes the value of this name.
    #[must_use]
    pub fn without(mut self, name: impl AsRef<[u8]>) -> Self {
        self.0.remove(name.as_ref());
        self
    }

    /// Names and values (each an RLP item), in ascending order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// Length of a record with this content, in bytes.
    pub(super) fn sealed_len(&self, sequence: u64) -> usize {
        let mut elements: usize =
            self.iter().map(|(name, value)| name.length() + value.len()).sum();
        for name in RESERVED {
            elements += name.length();
        }
        elements += b"v4".as_slice().length() + [0; COMPRESSED].length() + [0; SIGNATURE].length();
        elements += sequence.length();
        Header { list: true, payload_length: elements }.length_with_payload()
    }
}

impl<'a> FromIterator<(&'a Vec<u8>, &'a [u8])> for Content {
    fn from_iter<I: IntoIterator<Item = (&'a Vec<u8>, &'a [u8])>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.clone(), value.to_vec())).collect())
    }
}

/// Checks a record except for its signature.
pub(super) fn check(input: &[u8]) -> Result<(), RecordError> {
    if input.len() > MAX_RECORD {
        return Err(RecordError::TooLong { len: input.len() });
    }
    let (mut is_v4, mut has_key) = (false, false);
    decode_list(input, |list| {
        list.array::<SIGNATURE>()?;
        list.uint::<u64>()?;
        let mut before: Option<&[u8]> = None;
        while !list.is_empty() {
            let offset = list.offset();
            let name = list.bytes()?;
            if before.is_some_and(|before| before >= name) {
                return Err(RecordError::Order { offset });
            }
            before = Some(name);
            let value = list.item()?;
            match name {
                b"id" => is_v4 = value.bytes()? == b"v4",
                b"secp256k1" => {
                    let point = value.array()?;
                    PublicKey::from_compressed(&point).map_err(|_| RecordError::NotOnCurve)?;
                    has_key = true;
                }
                _ => check_endpoint(name, value)?,
            }
        }
        Ok(())
    })?;
    match (is_v4, has_key) {
        (false, _) => Err(RecordError::Scheme),
        (true, false) => Err(RecordError::NoKey),
        (true, true) => Ok(()),
    }
}

/// Addresses and ports have a fixed form; other values are not checked.
fn check_endpoint(name: &[u8], value: Item<'_>) -> Result<(), Error> {
    match name {
        b"ip" => value.array::<4>().map(drop),
        b"ip6" => value.array::<16>().map(drop),
        b"tcp" | b"udp" | b"tcp6" | b"udp6" => value.uint::<u16>().map(drop),
        _ => Ok(()),
    }
}

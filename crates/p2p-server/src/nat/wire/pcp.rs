//! The datagrams of PCP (RFC 6887), requests and answers: ANNOUNCE and MAP, without options.
//!
//! Not implemented: PEER, options (those of an answer are ignored), pinholes for IPv6.

use std::net::{IpAddr, Ipv6Addr};

use super::super::report::Transport;

/// The version byte.
const VERSION: u8 = 2;

/// The bit that is set in the opcode of an answer.
const ANSWER: u8 = 0x80;

const ANNOUNCE: u8 = 0;
const MAP: u8 = 1;

/// Maximum length of a datagram (§7).
pub const MAX_DATAGRAM: usize = 1100;

/// The data of a mapping, in a request or an answer (§11.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map {
    /// Chosen by the client, constant for a mapping. Without it the mapping cannot be changed.
    pub nonce: [u8; 12],
    /// TCP or UDP.
    pub transport: Transport,
    /// The client's port.
    pub internal: u16,
    /// The gateway's port: suggested by the client, assigned by the gateway.
    pub external: u16,
    /// The gateway's address, in the same way; unspecified if the client does not care.
    pub ip: IpAddr,
}

impl Map {
    fn encode(&self, bytes: &mut Vec<u8>) {
        let protocol = match self.transport {
            Transport::Tcp => 6,
            Transport::Udp => 17,
        };
        bytes.extend(self.nonce);
        bytes.extend([protocol, 0, 0, 0]);
        bytes.extend(self.internal.to_be_bytes());
        bytes.extend(self.external.to_be_bytes());
        bytes.extend(encode_ip(self.ip));
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&nonce, rest) = bytes.split_first_chunk()?;
        let (&[protocol, _, _, _, a, b, c, d], rest) = rest.split_first_chunk()?;
        let transport = match protocol {
            6 => Transport::Tcp,
            17 => Transport::Udp,
            _ => return None,
        };
        let (internal, external) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        Some(Self { nonce, transport, internal, external, ip: decode_ip(rest.first_chunk()?) })
    }
}

/// An address in 16 bytes; an IPv4 address is mapped into IPv6 (§5).
const fn encode_ip(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn decode_ip(bytes: &[u8; 16]) -> IpAddr {
    Ipv6Addr::from(*bytes).to_canonical()
}

/// A request of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The client's own address. A gateway that sees another source address refuses.
    pub client: IpAddr,
    /// Lifetime in seconds; 0 removes a mapping. 0 in ANNOUNCE.
    pub lifetime: u32,
    /// The mapping of a MAP request. `None` for ANNOUNCE, which only asks whether the gateway is there
    /// (§14.1).
    pub map: Option<Map>,
}

impl Request {
    const fn opcode(&self) -> u8 {
        if self.map.is_some() { MAP } else { ANNOUNCE }
    }

    /// The datagram: 24 or 60 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.opcode(), 0, 0];
        bytes.extend(self.lifetime.to_be_bytes());
        bytes.extend(encode_ip(self.client));
        if let Some(map) = &self.map {
            map.encode(&mut bytes);
        }
        bytes
    }

    /// Reads a datagram; options at its end are ignored. `None` if it is not one of
    /// these requests.
    #[cfg(any(test, feature = "fuzzing"))]
    #[must_use]
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        let (&[VERSION, opcode, _, _, a, b, c, d], rest) = datagram.split_first_chunk()? else {
            return None;
        };
        let (client, rest) = rest.split_first_chunk()?;
        let map = match opcode {
            ANNOUNCE => None,
            MAP => Some(Map::decode(rest)?),
            _ => return None,
        };
        Some(Self { client: decode_ip(client), lifetime: u32::from_be_bytes([a, b, c, d]), map })
    }
}

/// An answer of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The opcode of the request, 0 to 127.
    pub opcode: u8,
    /// 0 for success, else a [`code`].
    pub code: u8,
    /// Lifetime of the mapping or of the refusal, in seconds.
    pub lifetime: u32,
    /// Seconds since the gateway last lost all its mappings (§8.5).
    pub epoch: u32,
    /// The mapping: always present in a successful MAP answer, never in another one.
    pub map: Option<Map>,
}

/// The result codes that this client distinguishes (§7.4).
pub mod code {
    /// The gateway uses another version: NAT-PMP.
    pub const UNSUPPORTED_VERSION: u8 = 1;
    /// Mapping is disabled, or not allowed for this client.
    pub const NOT_AUTHORIZED: u8 = 2;
    /// The gateway does not support the request.
    pub const UNSUPPORTED_OPCODE: u8 = 4;
    /// The gateway has no external address.
    pub const NETWORK_FAILURE: u8 = 7;
    /// No room for another mapping.
    pub const NO_RESOURCES: u8 = 8;
    /// The gateway does not map this transport.
    pub const UNSUPPORTED_PROTOCOL: u8 = 9;
    /// This client has its maximum number of mappings.
    pub const USER_EXCEEDED_QUOTA: u8 = 10;
    /// The wanted port or address is not available.
    pub const CANNOT_PROVIDE_EXTERNAL: u8 = 11;
}

impl Answer {
    /// The datagram.
    #[cfg(any(test, feature = "fuzzing"))]
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, ANSWER | self.opcode, 0, self.code];
        bytes.extend(self.lifetime.to_be_bytes());
        bytes.extend(self.epoch.to_be_bytes());
        bytes.extend([0; 12]);
        if let Some(map) = &self.map {
            map.encode(&mut bytes);
        }
        bytes
    }

    /// Reads a datagram; options at its end are ignored. `None` if it is not a PCP
    /// answer.
    #[must_use]
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        let (&[VERSION, opcode @ ANSWER..=0xff, _, code], rest) = datagram.split_first_chunk()?
        else {
            return None;
        };
        let (&[a, b, c, d, e, f, g, h], rest) = rest.split_first_chunk()?;
        let (_, rest) = rest.split_first_chunk::<12>()?;
        let opcode = opcode ^ ANSWER;
        let map = if opcode == MAP { Map::decode(rest) } else { None };
        if opcode == MAP && code == 0 && map.is_none() {
            return None;
        }
        let lifetime = u32::from_be_bytes([a, b, c, d]);
        let epoch = u32::from_be_bytes([e, f, g, h]);
        Some(Self { opcode, code, lifetime, epoch, map })
    }

    /// Whether the answer fits this request: for MAP the nonce, the transport and the client's port are
    /// the same (§11.4). A refusal may leave them out.
    #[must_use]
    pub fn is_to(&self, request: &Request) -> bool {
        let key = |map: Map| (map.nonce, map.transport, map.internal);
        self.opcode == request.opcode()
            && match (self.map, request.map) {
                (Some(answered), Some(asked)) => key(answered) == key(asked),
                (None, Some(_)) => self.code != 0,
                (answered, None) => answered.is_none(),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let map = Map {
            nonce: *b"twelve bytes",
            transport: Transport::Udp,
            internal: 30303,
            external: 30304,
            ip: [203, 0, 113, 7].into(),
        };
        Request { client: [192, 168, 0, 7].into(), lifetime: 1200, map: Some(map) }
    }

    #[test]
    fn requests_are_those_of_the_specification() {
        let bytes = request().encode();
        assert_eq!(bytes.len(), 60);
        assert_eq!(bytes[..8], [2, 1, 0, 0, 0, 0, 4, 0xb0]);
        assert_eq!(bytes[8..24], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 168, 0, 7]);
        assert_eq!(bytes[24..40], *b"twelve bytes\x11\0\0\0");
        assert_eq!(bytes[40..44], [0x76, 0x5f, 0x76, 0x60]);
        assert_eq!(Request::decode(&bytes), Some(request()));
        let announce = Request { lifetime: 0, map: None, ..request() };
        let bytes = announce.encode();
        assert_eq!((bytes.len(), Request::decode(&bytes)), (24, Some(announce)));
    }

    #[test]
    fn an_answer_fits_the_request_with_its_nonce() {
        let map = request().map;
        let answer = Answer { opcode: MAP, code: 0, lifetime: 900, epoch: 5, map };
        let bytes = answer.encode();
        assert_eq!(Answer::decode(&bytes), Some(answer));
        assert!(answer.is_to(&request()));
        let mut other = bytes.clone();
        other[24] ^= 1;
        assert!(!Answer::decode(&other).unwrap().is_to(&request()));
        let announced = Answer { opcode: ANNOUNCE, map: None, ..answer };
        assert!(!announced.is_to(&request()) && !answer.is_to(&Request { map: None, ..request() }));
        // A refusal may leave out the mapping.
        let refused = Answer::decode(&[&bytes[..3], &[2], &bytes[4..24]].concat()).unwrap();
        assert!(refused.is_to(&request()) && refused.code == code::NOT_AUTHORIZED);
    }

    #[test]
    fn other_datagrams_are_not_answers() {
        let answer = Answer { opcode: MAP, code: 0, lifetime: 9, epoch: 5, map: request().map };
        let bytes = answer.encode();
        for len in 0..bytes.len() {
            assert_eq!(Answer::decode(&bytes[..len]), None, "{len}");
        }
        assert_eq!(Answer::decode(&request().encode()), None, "a request");
    }
}

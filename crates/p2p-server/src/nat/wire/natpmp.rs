//! The datagrams of NAT-PMP (RFC 6886), requests and answers.
//!
//! Resending, and what follows from an answer, is not here.

use std::net::Ipv4Addr;

use super::super::report::Transport;

/// The UDP port of gateways, for NAT-PMP and PCP.
pub const PORT: u16 = 5351;

/// The version byte.
const VERSION: u8 = 0;

/// The bit that is set in the opcode of an answer.
const ANSWER: u8 = 0x80;

/// A request of a client. A lifetime of 0 removes a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// The external address (§3.2).
    Address,
    /// A mapping (§3.3), or its removal (§3.4).
    Map {
        /// TCP or UDP.
        transport: Transport,
        /// The client's port.
        internal: u16,
        /// The wanted port of the gateway; 0 leaves it to the gateway.
        external: u16,
        /// Lifetime in seconds.
        lifetime: u32,
    },
}

impl Request {
    const fn opcode(&self) -> u8 {
        match self {
            Self::Address => 0,
            Self::Map { transport: Transport::Udp, .. } => 1,
            Self::Map { transport: Transport::Tcp, .. } => 2,
        }
    }

    /// The datagram: 2 or 12 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.opcode()];
        if let Self::Map { internal, external, lifetime, .. } = self {
            bytes.extend([0; 2]);
            bytes.extend(internal.to_be_bytes());
            bytes.extend(external.to_be_bytes());
            bytes.extend(lifetime.to_be_bytes());
        }
        bytes
    }

    /// Reads a datagram; bytes behind its end are ignored. `None` if it is not a NAT-PMP request.
    #[cfg(any(test, feature = "fuzzing"))]
    #[must_use]
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        let (&[VERSION, opcode], rest) = datagram.split_first_chunk()? else { return None };
        let transport = match opcode {
            0 => return Some(Self::Address),
            1 => Transport::Udp,
            2 => Transport::Tcp,
            _ => return None,
        };
        let &[_, _, a, b, c, d, e, f, g, h] = rest.first_chunk()?;
        let (internal, external) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let lifetime = u32::from_be_bytes([e, f, g, h]);
        Some(Self::Map { transport, internal, external, lifetime })
    }
}

/// An answer of a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Seconds since the gateway last lost all its mappings (§3.6).
    pub epoch: u32,
    /// The part that depends on the request.
    pub body: Body,
}

/// The part of an answer that depends on the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// The external address.
    Address(Ipv4Addr),
    /// A mapping; with a lifetime of 0 its removal.
    Mapped {
        /// TCP or UDP.
        transport: Transport,
        /// The client's port.
        internal: u16,
        /// The gateway's port.
        external: u16,
        /// Lifetime in seconds.
        lifetime: u32,
    },
    /// A refusal.
    Refused {
        /// The opcode of the request, 0 to 127.
        opcode: u8,
        /// The reason: a [`code`] other than 0.
        code: u16,
    },
}

/// The result codes (§3.5).
pub mod code {
    /// The gateway uses another version: PCP.
    pub const UNSUPPORTED_VERSION: u16 = 1;
    /// Mapping is disabled, or not allowed for this client.
    pub const NOT_AUTHORIZED: u16 = 2;
    /// The gateway has no external address.
    pub const NETWORK_FAILURE: u16 = 3;
    /// No room for another mapping.
    pub const OUT_OF_RESOURCES: u16 = 4;
    /// The gateway does not support the request.
    pub const UNSUPPORTED_OPCODE: u16 = 5;
}

impl Answer {
    /// The datagram.
    #[cfg(any(test, feature = "fuzzing"))]
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (opcode, code) = match self.body {
            Body::Address(_) => (0, 0),
            Body::Mapped { transport: Transport::Udp, .. } => (1, 0),
            Body::Mapped { transport: Transport::Tcp, .. } => (2, 0),
            Body::Refused { opcode, code } => (opcode, code),
        };
        let mut bytes = vec![VERSION, ANSWER | opcode];
        bytes.extend(code.to_be_bytes());
        bytes.extend(self.epoch.to_be_bytes());
        match self.body {
            Body::Address(ip) => bytes.extend(ip.octets()),
            Body::Mapped { internal, external, lifetime, .. } => {
                bytes.extend(internal.to_be_bytes());
                bytes.extend(external.to_be_bytes());
                bytes.extend(lifetime.to_be_bytes());
            }
            Body::Refused { .. } => {}
        }
        bytes
    }

    /// Reads a datagram; bytes behind its end, or behind the code of a refusal, are ignored. `None` if
    /// it is not a NAT-PMP answer.
    #[must_use]
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        let (&[VERSION, code @ ANSWER..=0xff, high, low, a, b, c, d], rest) =
            datagram.split_first_chunk()?
        else {
            return None;
        };
        let (opcode, epoch) = (code ^ ANSWER, u32::from_be_bytes([a, b, c, d]));
        let transport = match (opcode, u16::from_be_bytes([high, low])) {
            (0, 0) => {
                let ip = Ipv4Addr::from(*rest.first_chunk::<4>()?);
                return Some(Self { epoch, body: Body::Address(ip) });
            }
            (1, 0) => Transport::Udp,
            (2, 0) => Transport::Tcp,
            (_, 0) => return None,
            (opcode, code) => return Some(Self { epoch, body: Body::Refused { opcode, code } }),
        };
        let &[a, b, c, d, e, f, g, h] = rest.first_chunk()?;
        let (internal, external) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let lifetime = u32::from_be_bytes([e, f, g, h]);
        Some(Self { epoch, body: Body::Mapped { transport, internal, external, lifetime } })
    }

    /// Whether the answer fits this request. The protocol has no transaction number; the socket accepts
    /// datagrams from the gateway only.
    #[must_use]
    pub fn is_to(&self, request: &Request) -> bool {
        match (self.body, request) {
            (Body::Address(_), Request::Address) => true,
            (
                Body::Mapped { transport, internal, .. },
                Request::Map { transport: asked, internal: port, .. },
            ) => transport == *asked && internal == *port,
            (Body::Refused { opcode, .. }, request) => opcode == request.opcode(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: Request = Request::Map {
        transport: Transport::Tcp,
        internal: 30303,
        external: 30304,
        lifetime: 1200,
    };

    #[test]
    fn requests_are_those_of_the_specification() {
        assert_eq!(Request::Address.encode(), [0, 0]);
        let bytes = [0, 2, 0, 0, 0x76, 0x5f, 0x76, 0x60, 0, 0, 4, 0xb0];
        assert_eq!(MAP.encode(), bytes);
        assert_eq!(Request::decode(&bytes), Some(MAP));
        assert_eq!(Request::decode(&[0, 0, 9]), Some(Request::Address));
        for bad in [&bytes[..11], &[2, 0], &[0, 3], &[0], &[]] {
            assert_eq!(Request::decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn answers_are_those_of_the_specification() {
        let address = Answer { epoch: 258, body: Body::Address([203, 0, 113, 7].into()) };
        let bytes = [0, 128, 0, 0, 0, 0, 1, 2, 203, 0, 113, 7];
        assert_eq!((address.encode(), Answer::decode(&bytes)), (bytes.into(), Some(address)));
        let bytes = [0, 130, 0, 0, 0, 0, 0, 9, 0x76, 0x5f, 0x76, 0x60, 0, 0, 4, 0xb0];
        let mapped = Answer::decode(&bytes).unwrap();
        assert_eq!(mapped.encode(), bytes);
        assert!(mapped.is_to(&MAP) && !mapped.is_to(&Request::Address));
        let refused = Answer::decode(&[0, 130, 0, 2, 0, 0, 0, 9, 1, 2, 3]).unwrap();
        assert_eq!(refused.body, Body::Refused { opcode: 2, code: code::NOT_AUTHORIZED });
        assert!(refused.is_to(&MAP) && !address.is_to(&MAP));
    }

    #[test]
    fn other_datagrams_are_not_answers() {
        let sound = [0, 130, 0, 0, 0, 0, 0, 9, 0x76, 0x5f, 0x76, 0x60, 0, 0, 4, 0xb0];
        for len in 0..sound.len() {
            assert_eq!(Answer::decode(&sound[..len]), None, "{len}");
        }
        assert_eq!(Answer::decode(&[2, 130, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(Answer::decode(&[0, 2, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(Answer::decode(&[0, 133, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}

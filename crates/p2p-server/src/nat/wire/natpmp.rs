//! The datagrams of NAT-PMP (RFC 6886), both ways.
//!
//! Sending them again, and what follows from an answer, is not here.

use std::net::Ipv4Addr;

use super::super::report::Transport;

/// The UDP port on which gateways answer, for NAT-PMP and PCP alike.
pub const PORT: u16 = 5351;

/// The version byte.
const VERSION: u8 = 0;

/// What an answer's code has on top of that of its request.
const ANSWER: u8 = 0x80;

/// What a client asks. Ports and lifetimes (in seconds) as they are; a lifetime of 0 removes a mapping.
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
        /// The port of the gateway that it would like to have; 0 leaves it to the gateway.
        external: u16,
        /// For how many seconds.
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

    /// The datagram: 2 bytes, or 12.
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

    /// Reads a datagram; what follows its end is ignored. `None` if it is no request of NAT-PMP.
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

/// What a gateway answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The seconds since the gateway forgot all mappings the last time (§3.6).
    pub epoch: u32,
    /// The rest.
    pub body: Body,
}

/// The part of an answer that depends on the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// The external address.
    Address(Ipv4Addr),
    /// A mapping, or with a lifetime of 0 the end of one.
    Mapped {
        /// TCP or UDP.
        transport: Transport,
        /// The client's port.
        internal: u16,
        /// The gateway's port.
        external: u16,
        /// For how many seconds.
        lifetime: u32,
    },
    /// A refusal.
    Refused {
        /// The code of the request, 0 to 127.
        opcode: u8,
        /// Why: a [`code`] other than 0.
        code: u16,
    },
}

/// The result codes (§3.5).
pub mod code {
    /// The gateway speaks another version: PCP.
    pub const UNSUPPORTED_VERSION: u16 = 1;
    /// Mapping is switched off, or this client may not.
    pub const NOT_AUTHORIZED: u16 = 2;
    /// The gateway has no address itself.
    pub const NETWORK_FAILURE: u16 = 3;
    /// No room for another mapping.
    pub const OUT_OF_RESOURCES: u16 = 4;
    /// The gateway does not know the request.
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

    /// Reads a datagram; what follows its end is ignored, and so is what follows the code of a
    /// refusal. `None` if it is no answer of NAT-PMP.
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

    /// Whether it is about this request. The protocol has nothing else to tell them apart; that it
    /// comes from the gateway is for the socket to see.
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
    fn what_is_no_answer_is_none() {
        let sound = [0, 130, 0, 0, 0, 0, 0, 9, 0x76, 0x5f, 0x76, 0x60, 0, 0, 4, 0xb0];
        for len in 0..sound.len() {
            assert_eq!(Answer::decode(&sound[..len]), None, "{len}");
        }
        assert_eq!(Answer::decode(&[2, 130, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(Answer::decode(&[0, 2, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(Answer::decode(&[0, 133, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}

//! The reason in a Disconnect message.

use core::fmt;

use bytes::Bytes;

/// The reason in a Disconnect message (RLPx, "Disconnect (0x01)").
///
/// [`decode`](Self::decode) never fails: every payload has a reason. [`encode`](Self::encode) writes
/// only assigned numbers, because some nodes use the number as the index of a table and crash if it is
/// above 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// 0x00: disconnect requested. An empty Disconnect has this meaning too.
    Requested,
    /// 0x01: the TCP connection failed.
    TcpError,
    /// 0x02: breach of protocol, such as a malformed message, a wrong MAC or an unknown message id.
    ProtocolBreach,
    /// 0x03: no sub-protocol in common.
    UselessPeer,
    /// 0x04: no free peer slot.
    TooManyPeers,
    /// 0x05: already connected to this node.
    AlreadyConnected,
    /// 0x06: incompatible version of the base protocol.
    IncompatibleVersion,
    /// 0x07: the node id is null.
    NullIdentity,
    /// 0x08: the node shuts down.
    Quitting,
    /// 0x09: the node id in Hello is not the one of the handshake.
    UnexpectedIdentity,
    /// 0x0a: the node is connected to itself.
    SelfConnect,
    /// 0x0b: no message within the silence limit.
    PingTimeout,
    /// 0x10: an error of a sub-protocol.
    Subprotocol,
    /// A received number that is not assigned; 255 stands for all larger ones too. It is sent as
    /// [`Requested`](Self::Requested).
    Unknown(u8),
    /// A received Disconnect without a valid reason. It is sent as [`Requested`](Self::Requested).
    Unreadable,
}

impl DisconnectReason {
    /// The reason with the number `code` of the specification.
    #[must_use]
    pub fn from_code(code: u64) -> Self {
        match code {
            0x00 => Self::Requested,
            0x01 => Self::TcpError,
            0x02 => Self::ProtocolBreach,
            0x03 => Self::UselessPeer,
            0x04 => Self::TooManyPeers,
            0x05 => Self::AlreadyConnected,
            0x06 => Self::IncompatibleVersion,
            0x07 => Self::NullIdentity,
            0x08 => Self::Quitting,
            0x09 => Self::UnexpectedIdentity,
            0x0a => Self::SelfConnect,
            0x0b => Self::PingTimeout,
            0x10 => Self::Subprotocol,
            other => Self::Unknown(u8::try_from(other).unwrap_or(u8::MAX)),
        }
    }

    /// The number that is sent: always an assigned one, so at most 16.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Requested | Self::Unknown(_) | Self::Unreadable => 0x00,
            Self::TcpError => 0x01,
            Self::ProtocolBreach => 0x02,
            Self::UselessPeer => 0x03,
            Self::TooManyPeers => 0x04,
            Self::AlreadyConnected => 0x05,
            Self::IncompatibleVersion => 0x06,
            Self::NullIdentity => 0x07,
            Self::Quitting => 0x08,
            Self::UnexpectedIdentity => 0x09,
            Self::SelfConnect => 0x0a,
            Self::PingTimeout => 0x0b,
            Self::Subprotocol => 0x10,
        }
    }

    /// Encodes the payload of a Disconnect message: the list `[reason]`.
    #[must_use]
    pub fn encode(self) -> Bytes {
        let code = self.code();
        Bytes::copy_from_slice(&[0xc1, if code == 0 { 0x80 } else { code }])
    }

    /// Decodes the payload of a Disconnect message, in all forms that clients send.
    ///
    /// Besides `[reason]` these are:
    ///
    /// - an integer without a list, where zero may be a zero byte;
    /// - an empty list or an empty payload, both [`Requested`](Self::Requested);
    /// - a byte string that contains the list;
    /// - a list with additional elements;
    /// - each of these compressed, from a peer that enabled Snappy before our Hello arrived.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Self {
        plain(payload, NESTING)
            .or_else(|| snappy_literal(payload).and_then(|inside| plain(inside, NESTING)))
            .map_or(Self::Unreadable, Self::from_code)
    }
}

/// Maximum number of nested lists and strings around the number: a string with a list with a string
/// with the integer.
const NESTING: u8 = 3;

/// The number in `payload` if it is an integer, or a string or list that begins with one.
fn plain(payload: &[u8], depth: u8) -> Option<u64> {
    match *payload {
        [] | [0x80 | 0xc0] => Some(0),
        [number @ 0..=0x7f] => Some(number.into()),
        [header @ 0x81..=0xb7, ref content @ ..] if content.len() == usize::from(header - 0x80) => {
            let inside = if depth == 0 { None } else { plain(content, depth - 1) };
            inside.or_else(|| big_endian(content))
        }
        [header @ 0xc1..=0xf7, ref content @ ..] if content.len() == usize::from(header - 0xc0) => {
            let first = first_item(content)?;
            if depth == 0 { None } else { plain(first, depth - 1) }
        }
        _ => None,
    }
}

/// The first item of `content`, which is not empty.
fn first_item(content: &[u8]) -> Option<&[u8]> {
    let length = match *content.first()? {
        0x00..=0x7f => 1,
        header @ 0x80..=0xb7 => 1 + usize::from(header - 0x80),
        _ => return None,
    };
    content.get(..length)
}

/// An integer of several bytes; `None` if it does not fit into a `u64`.
fn big_endian(digits: &[u8]) -> Option<u64> {
    let mut number = [0; 8];
    number.get_mut(8usize.checked_sub(digits.len())?..)?.copy_from_slice(digits);
    Some(u64::from_be_bytes(number))
}

/// The content of a Snappy block with a single literal, the only form of such a short payload.
fn snappy_literal(block: &[u8]) -> Option<&[u8]> {
    match block {
        [length @ 1..=60, tag, content @ ..]
            if content.len() == usize::from(*length) && *tag == (length - 1) << 2 =>
        {
            Some(content)
        }
        _ => None,
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "disconnect requested",
            Self::TcpError => "network error",
            Self::ProtocolBreach => "breach of protocol",
            Self::UselessPeer => "no sub-protocol in common",
            Self::TooManyPeers => "too many peers",
            Self::AlreadyConnected => "already connected",
            Self::IncompatibleVersion => "incompatible p2p version",
            Self::NullIdentity => "null node identity",
            Self::Quitting => "client quitting",
            Self::UnexpectedIdentity => "unexpected identity",
            Self::SelfConnect => "connected to itself",
            Self::PingTimeout => "ping timeout",
            Self::Subprotocol => "sub-protocol error",
            Self::Unknown(code) => return write!(f, "unknown reason {code}"),
            Self::Unreadable => "unreadable reason",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSIGNED: [u8; 13] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16];

    #[test]
    fn assigned_numbers_are_encoded_and_decoded() {
        for code in ASSIGNED {
            let reason = DisconnectReason::from_code(code.into());
            assert_eq!(reason.code(), code);
            assert_eq!(DisconnectReason::decode(&reason.encode()), reason);
        }
    }

    /// PROTOCOL.md §6.32.
    #[test]
    fn all_forms_of_other_clients_are_decoded() {
        for (wire, reason) in [
            (&[0xc1, 0x04][..], DisconnectReason::TooManyPeers),
            (&[0x04], DisconnectReason::TooManyPeers),
            (&[0xc1, 0x80], DisconnectReason::Requested),
            (&[0xc1, 0x00], DisconnectReason::Requested),
            (&[0x80], DisconnectReason::Requested),
            (&[0x00], DisconnectReason::Requested),
            (&[0xc0], DisconnectReason::Requested),
            (&[], DisconnectReason::Requested),
            (&[0x82, 0xc1, 0x04], DisconnectReason::TooManyPeers),
            (&[0x81, 0x04], DisconnectReason::TooManyPeers),
            (&[0xc2, 0x81, 0x04], DisconnectReason::TooManyPeers),
            (&[0xc3, 0x82, 0xc1, 0x04], DisconnectReason::TooManyPeers),
            (&[0xc2, 0x04, 0x05], DisconnectReason::TooManyPeers),
            (&[0x02, 0x04, 0xc1, 0x04], DisconnectReason::TooManyPeers),
            (&[0x01, 0x00, 0x08], DisconnectReason::Quitting),
            (&[0x01, 0x00, 0xc0], DisconnectReason::Requested),
        ] {
            assert_eq!(DisconnectReason::decode(wire), reason, "{wire:02x?}");
        }
    }

    /// PROTOCOL.md §6.31: a number above 16 ends the process of a peer.
    #[test]
    fn unassigned_numbers_are_decoded_but_never_sent() {
        for number in (0..=300).chain([u64::MAX]) {
            let reason = DisconnectReason::from_code(number);
            let is_assigned = ASSIGNED.iter().any(|code| u64::from(*code) == number);
            let expected = if is_assigned { number } else { 0 };
            assert_eq!(u64::from(reason.code()), expected);
            assert_eq!(DisconnectReason::decode(&reason.encode()).code(), reason.code());
        }
        for (wire, reason) in [
            (&[0xc1, 0x11][..], DisconnectReason::Unknown(0x11)),
            (&[0xc1, 0x0c], DisconnectReason::Unknown(0x0c)),
            (&[0xc2, 0x81, 0xff], DisconnectReason::Unknown(255)),
            (&[0xc3, 0x82, 0xff, 0xff], DisconnectReason::Unknown(255)),
            (&[0x02, 0x04, 0xc1, 0xff], DisconnectReason::Unreadable),
            (b"bye", DisconnectReason::Unreadable),
            (&[0xc1, 0xc1], DisconnectReason::Unreadable),
            (&[0xc2, 0x04], DisconnectReason::Unreadable),
            (&[0xf8, 0x01, 0x04], DisconnectReason::Unreadable),
        ] {
            assert_eq!(DisconnectReason::decode(wire), reason, "{wire:02x?}");
            assert_eq!(reason.encode(), [0xc1, 0x80].as_slice());
        }
    }

    proptest::proptest! {
        #[test]
        fn every_payload_has_a_reason(wire in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            proptest::prop_assert!(DisconnectReason::decode(&wire).code() <= 16);
        }
    }
}

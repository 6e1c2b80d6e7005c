//! The six kinds of packets.

/// What a packet is for: the byte behind the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PacketKind {
    /// Are you there? Proves to us, by its answer, that the endpoint is the node's.
    Ping = 1,
    /// The answer to a ping.
    Pong = 2,
    /// Which nodes do you know near this target?
    FindNode = 3,
    /// The answer to a find-node, or a part of it.
    Neighbours = 4,
    /// What is your record? (EIP-868)
    EnrRequest = 5,
    /// The answer to a record request.
    EnrResponse = 6,
}

impl PacketKind {
    /// All of them, in the order of their bytes.
    pub const ALL: [Self; 6] = [
        Self::Ping,
        Self::Pong,
        Self::FindNode,
        Self::Neighbours,
        Self::EnrRequest,
        Self::EnrResponse,
    ];

    /// The kind with this byte, if there is one.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Ping),
            2 => Some(Self::Pong),
            3 => Some(Self::FindNode),
            4 => Some(Self::Neighbours),
            5 => Some(Self::EnrRequest),
            6 => Some(Self::EnrResponse),
            _ => None,
        }
    }

    /// Whether it answers something that was asked: only then it is wanted.
    #[must_use]
    pub const fn is_reply(self) -> bool {
        matches!(self, Self::Pong | Self::Neighbours | Self::EnrResponse)
    }

    /// Its place in [`ALL`](Self::ALL).
    pub(crate) const fn index(self) -> usize {
        self as usize - 1
    }
}

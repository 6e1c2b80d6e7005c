//! The six kinds of packets.

/// The kind of a packet: the byte after the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PacketKind {
    /// Asks whether a node is alive. The answer proves the endpoint of that node.
    Ping = 1,
    /// The answer to a ping.
    Pong = 2,
    /// Asks for the known nodes nearest to a target.
    FindNode = 3,
    /// The answer to a find-node packet, or a part of it.
    Neighbours = 4,
    /// Asks for the record of a node (EIP-868).
    EnrRequest = 5,
    /// The answer to a record request.
    EnrResponse = 6,
}

impl PacketKind {
    /// All kinds, in the order of their bytes.
    pub const ALL: [Self; 6] = [
        Self::Ping,
        Self::Pong,
        Self::FindNode,
        Self::Neighbours,
        Self::EnrRequest,
        Self::EnrResponse,
    ];

    /// The kind with this byte; `None` if it is unknown.
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

    /// Whether packets of this kind answer a request.
    #[must_use]
    pub const fn is_reply(self) -> bool {
        matches!(self, Self::Pong | Self::Neighbours | Self::EnrResponse)
    }

    /// The index in [`ALL`](Self::ALL).
    pub(crate) const fn index(self) -> usize {
        self as usize - 1
    }
}

//! The limits of a connection.

use std::time::Duration;

use rlpx_transport::{MAX_FRAME_SIZE, MAX_PAYLOAD};

/// The longest payload that can be sent, in bytes: a frame holds 2^24 - 1 bytes, and the code of
/// the message takes up to 9 of them.
///
/// Beyond 14 MB there is no promise towards a peer that has Snappy and not `chunk/1`: a payload that
/// Snappy cannot make smaller may then be too long, and is dropped
/// ([`DropStats::too_large`](crate::DropStats::too_large)). In pieces it fits.
pub const MAX_MESSAGE: usize = MAX_FRAME_SIZE - 9;

/// How long a connection waits for what, and what it can do.
///
/// A plain value; take the defaults and change what differs:
///
/// ```
/// use std::time::Duration;
/// use p2p_mux::Config;
///
/// let config = Config { stall_limit: Duration::from_secs(1), ..Config::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct Config {
    /// How long the exchange of Hello may take in all. Default 5 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub hello_limit: Duration,
    /// How long neither end pings until we do: a ping of the peer, and our answer, show that both are
    /// there as well as one of ours. After one of ours the peer has up to a quarter of this time more
    /// to take its turn, and so it has before the first where it called us. Default 15 s, half of what
    /// go-ethereum's read limit allows.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub ping_every: Duration,
    /// How long the peer may go without completing a frame. Default 30 s. A frame counts when it
    /// has arrived whole, so this is also the longest that one frame may take.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub silence_limit: Duration,
    /// How long the network may take nothing of what waits to be written. Default 20 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub write_limit: Duration,
    /// How long reading may stand still because one sub-protocol does not take its messages, before
    /// its [`OnOverload`](crate::OnOverload) rule applies. Where it has neighbours, that is in all: a
    /// twentieth of the time that passes is given back, and stalls below a fiftieth of the limit are
    /// not counted. Default 5 s. Keep it well below `silence_limit` of the peer.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub stall_limit: Duration,
    /// How long the end of a connection may take: telling the peer why, and waiting for the
    /// sub-protocols to return. What is not done by then is dropped. Default 2 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub farewell: Duration,
    /// The longest payload that is taken from the peer, in bytes, before and after decompression.
    /// Default [`MAX_PAYLOAD`], all that fits into a frame.
    pub max_message: usize,
    /// Whether to announce `chunk/1`, so that large messages go in pieces where the other end has it
    /// too. Default `true`.
    pub chunk: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hello_limit: Duration::from_secs(5),
            ping_every: Duration::from_secs(15),
            silence_limit: Duration::from_secs(30),
            write_limit: Duration::from_secs(20),
            stall_limit: Duration::from_secs(5),
            farewell: Duration::from_secs(2),
            max_message: MAX_PAYLOAD,
            chunk: true,
        }
    }
}

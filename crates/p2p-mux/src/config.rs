//! The configuration of a connection.

use std::time::Duration;

use rlpx_transport::{MAX_FRAME_SIZE, MAX_PAYLOAD};

/// Maximum payload of a message, in bytes: a frame has up to 2^24 - 1 bytes, and the message code
/// takes up to 9 of them.
///
/// If the peer has Snappy but not `chunk/1`, a payload above 14 MB may not fit: Snappy may enlarge an
/// incompressible payload beyond the size of a frame. Such a message is dropped
/// ([`DropStats::too_large`](crate::DropStats::too_large)). In pieces it always fits.
pub const MAX_MESSAGE: usize = MAX_FRAME_SIZE - 9;

/// Time limits and features of a connection.
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
    /// Maximum duration of the Hello exchange. Default 5 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub hello_limit: Duration,
    /// Time without a ping of either end after which this end pings. Default 15 s, half of the read
    /// limit of go-ethereum.
    ///
    /// A ping of the peer restarts the time, because our pong shows both ends that the other is
    /// alive. After a ping of ours we wait up to a quarter longer, so that the peer sends the next
    /// one. On an inbound connection the same holds for the first ping.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub ping_interval: Duration,
    /// Maximum time without a complete frame from the peer. Default 30 s. A frame counts once all of
    /// it has arrived, so this is also the maximum duration of one frame.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub silence_limit: Duration,
    /// Maximum time for which the network accepts no byte while there are bytes to write. Default
    /// 20 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub write_limit: Duration,
    /// Maximum time for which reading stops because one sub-protocol does not take its messages.
    /// After it the slot's [`OnOverload`](crate::OnOverload) rule applies. Default 5 s. Keep it well
    /// below the `silence_limit` of the peer.
    ///
    /// If other slots are open, the limit holds for the sum of the slot's stalls. A twentieth of the
    /// elapsed time is given back, and stalls shorter than a fiftieth of the limit are not counted.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub stall_limit: Duration,
    /// Maximum time to send the Disconnect message and to wait for the sub-protocols to return.
    /// After it the rest is dropped. Default 2 s.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub close_limit: Duration,
    /// Maximum payload of a message from the peer in bytes, before and after decompression. Default
    /// [`MAX_PAYLOAD`], the most that fits into a frame.
    pub max_message: usize,
    /// Whether to announce `chunk/1`. If the peer has it too, large messages are sent in pieces.
    /// Default `true`.
    pub chunk: bool,
    /// Whether to announce `sec/1` in Hello over plain RLPx, and to refuse a peer that announces it too: it was taken
    /// out of the handshake. Default `false`; [`exchange_hello`](crate::exchange_hello) cannot know whether the handshake
    /// offered it.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub announce_sec: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hello_limit: Duration::from_secs(5),
            ping_interval: Duration::from_secs(15),
            silence_limit: Duration::from_secs(30),
            write_limit: Duration::from_secs(20),
            stall_limit: Duration::from_secs(5),
            close_limit: Duration::from_secs(2),
            max_message: MAX_PAYLOAD,
            chunk: true,
            announce_sec: false,
        }
    }
}

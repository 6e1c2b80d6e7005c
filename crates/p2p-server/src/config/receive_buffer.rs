//! The receive buffer of a connection in the operating system.

use std::time::Duration;

/// How large the receive buffer of a connection is in the operating system.
///
/// It bounds two things: how many bytes wait before a small message that the peer sends later, and
/// the throughput, to one buffer per round trip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum ReceiveBuffer {
    /// [`ReceiveBuffer::NEAR_BYTES`] if the round trip to the peer is below
    /// [`ReceiveBuffer::NEAR_LIMIT`], otherwise the size that the system chooses. The default.
    ///
    /// On a connection that this node opens, the first round trip is the time that TCP took to
    /// connect. On an inbound one it is the time from the end of the handshake to the first bytes of
    /// the peer's Hello. Later a ping can show that the peer is near after all.
    #[default]
    Automatic,
    /// This number of bytes. At most what the system allows, and the system does not adapt it: 128 KiB
    /// are 1.3 MB/s at a round trip of 100 ms.
    Fixed(usize),
    /// The size that the system chooses. Linux lets it grow to megabytes on a fast line, and every
    /// message of the peer waits behind what is in it.
    System,
}

impl ReceiveBuffer {
    /// The buffer for a near peer, in bytes.
    pub const NEAR_BYTES: usize = 128 * 1024;

    /// A peer with a shorter round trip is near.
    ///
    /// At this limit a buffer of [`ReceiveBuffer::NEAR_BYTES`] carries 64 MB/s, which is more than the
    /// lines between two places carry for one peer. Machines in one room have a round trip below 1 ms,
    /// and nearly all others above 2 ms.
    pub const NEAR_LIMIT: Duration = Duration::from_millis(2);

    /// The size to set, in bytes; `None` leaves it to the system. `round_trip`: the shortest one
    /// measured so far.
    #[must_use]
    pub fn bytes(self, round_trip: Option<Duration>) -> Option<usize> {
        match self {
            Self::Automatic => {
                round_trip.filter(|time| *time < Self::NEAR_LIMIT).map(|_| Self::NEAR_BYTES)
            }
            Self::Fixed(bytes) => Some(bytes),
            Self::System => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_peer_gets_the_small_buffer() {
        let micros = |micros| Some(Duration::from_micros(micros));
        for (round_trip, bytes) in [
            (None, None),
            (micros(0), Some(128 * 1024)),
            (micros(200), Some(128 * 1024)),
            (micros(1999), Some(128 * 1024)),
            (micros(2000), None),
            (micros(100_000), None),
        ] {
            assert_eq!(ReceiveBuffer::Automatic.bytes(round_trip), bytes, "{round_trip:?}");
            assert_eq!(ReceiveBuffer::Fixed(1000).bytes(round_trip), Some(1000));
            assert_eq!(ReceiveBuffer::System.bytes(round_trip), None);
        }
    }

    #[test]
    fn the_small_buffer_does_not_limit_a_near_peer() {
        let micros = usize::try_from(ReceiveBuffer::NEAR_LIMIT.as_micros()).unwrap();
        assert!(ReceiveBuffer::NEAR_BYTES / micros > 50, "MB/s");
    }
}

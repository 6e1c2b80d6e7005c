//! How the lines between hosts behave.

use std::{ops::Range, time::Duration};

use rand::Rng;

/// How a line between two hosts behaves: the same in both directions, unless it is blocked in one.
///
/// The default is a line without loss and limit whose latency is 1 ms, the resolution of virtual time.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    latency: Range<Duration>,
    jitter: Duration,
    loss: f64,
    reordering: f64,
    bandwidth: Option<u64>,
}

impl Default for Link {
    fn default() -> Self {
        let millisecond = Duration::from_millis(1);
        let latency = millisecond..millisecond;
        Self { latency, jitter: Duration::ZERO, loss: 0.0, reordering: 0.0, bandwidth: None }
    }
}

/// How long a stream waits before it sends again what was lost, at least. As in TCP.
const MIN_RETRANSMISSION: Duration = Duration::from_millis(200);

impl Link {
    /// Sets the latency in one direction. Each pair of hosts draws its own from this range, once.
    #[must_use]
    pub const fn latency(mut self, range: Range<Duration>) -> Self {
        self.latency = range;
        self
    }

    /// Sets the largest delay that is added to the latency, drawn for each packet.
    #[must_use]
    pub const fn jitter(mut self, most: Duration) -> Self {
        self.jitter = most;
        self
    }

    /// Sets the share of packets that are lost, from 0 to 1. A lost datagram does not arrive. A stream sends again what was
    /// lost, so it arrives later.
    #[must_use]
    pub const fn loss(mut self, share: f64) -> Self {
        self.loss = share;
        self
    }

    /// Sets the share of datagrams, from 0 to 1, that take up to twice as long, so that others overtake them. The bytes of a
    /// stream stay in order.
    #[must_use]
    pub const fn reordering(mut self, share: f64) -> Self {
        self.reordering = share;
        self
    }

    /// Sets how many bytes a host can send in a second, to all others together.
    #[must_use]
    pub const fn bandwidth(mut self, bytes_per_second: u64) -> Self {
        self.bandwidth = Some(bytes_per_second);
        self
    }

    /// The shortest latency.
    pub(crate) const fn min_latency(&self) -> Duration {
        self.latency.start
    }

    /// The latency of a new pair of hosts.
    pub(crate) fn draw_latency(&self, rng: &mut impl Rng) -> Duration {
        between(rng, self.latency.start, self.latency.end)
    }

    /// How long these bytes keep the uplink busy.
    pub(crate) fn sending_time(&self, bytes: usize) -> Duration {
        let Some(rate) = self.bandwidth.filter(|rate| *rate > 0) else { return Duration::ZERO };
        Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / rate)
    }

    /// How long a part of a stream is on its way.
    pub(crate) fn stream_delay(&self, latency: Duration, rng: &mut impl Rng) -> Duration {
        let mut delay = latency + between(rng, Duration::ZERO, self.jitter);
        let mut wait = MIN_RETRANSMISSION.max(latency * 2);
        while is_hit(rng, self.loss) {
            delay += wait;
            wait *= 2;
        }
        delay
    }

    /// How long a datagram is on its way; `None` if it is lost.
    pub(crate) fn datagram_delay(&self, latency: Duration, rng: &mut impl Rng) -> Option<Duration> {
        if is_hit(rng, self.loss) {
            return None;
        }
        let delay = latency + between(rng, Duration::ZERO, self.jitter);
        let late = is_hit(rng, self.reordering);
        Some(if late { delay + between(rng, Duration::ZERO, latency) } else { delay })
    }
}

fn is_hit(rng: &mut impl Rng, share: f64) -> bool {
    share > 0.0 && rng.random_bool(share.min(0.999))
}

fn between(rng: &mut impl Rng, from: Duration, to: Duration) -> Duration {
    if to <= from { from } else { rng.random_range(from..to) }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng as _, rngs::StdRng};

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn loss_drops_datagrams_and_delays_streams() {
        let (link, mut rng) = (Link::default().loss(0.5), StdRng::seed_from_u64(1));
        let datagrams: Vec<_> = (0..1000).map(|_| link.datagram_delay(MS, &mut rng)).collect();
        let lost = datagrams.iter().filter(|delay| delay.is_none()).count();
        assert!((400..600).contains(&lost), "{lost}");
        let late = (0..1000).filter(|_| link.stream_delay(MS, &mut rng) > 200 * MS).count();
        assert!((400..600).contains(&late), "{late}");
    }

    #[test]
    fn the_uplink_is_busy_as_long_as_the_bytes_take() {
        let link = Link::default().bandwidth(12_500_000);
        assert_eq!(link.sending_time(12_500), MS);
        assert_eq!(Link::default().sending_time(12_500), Duration::ZERO);
    }
}

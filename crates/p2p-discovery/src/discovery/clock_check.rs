//! Compares our clock with those of other nodes.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::time::Instant;

use p2p_identity::NodeId;
use p2p_world::HashMap;

use crate::event::{ClockOffset, ClockWitness};

/// Maximum number of samples.
const MAX_SAMPLES: usize = 16;

/// With fewer samples the majority is not asked. One boot node is enough.
const MIN_SAMPLES: usize = 3;

/// Number of samples of others that must contradict a boot node, so that its clock counts as the wrong
/// one. They must also be the majority.
const MIN_CONTRADICTIONS: usize = 2;

/// Minimum time between two reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// No implementation makes a packet valid for more than 60 s (nim-eth does so, others 20 s). A packet
/// that is valid for longer than this was sent by a clock ahead of ours.
const MAX_VALID_SECS: i64 = 90;

/// All implementations make a packet valid for at least this time.
const MIN_VALID_SECS: i64 = 20;

/// A packet that is valid for at most this time was sent by a clock that is right if ours is, and by an
/// implementation that makes it valid for 20 s.
const USUAL_VALID_SECS: i64 = 30;

/// Number of probes in a row that a boot node must answer while it answers no usual ping.
const MIN_PROBES: u8 = 2;

/// A difference between the two clocks of this machine that is a change of the time of day.
const MIN_JUMP_SECS: u64 = 5;

/// What a pong of a boot node, or of another trusted witness, says about our clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClockVerdict {
    /// It is not wrong.
    Right,
    /// It may be wrong. The pong does not count as an answer.
    Unsure,
    /// It is wrong.
    Wrong {
        offset: ClockOffset,
        /// Whether it is to be reported now.
        is_reported: bool,
    },
    /// That of the boot node is wrong: ours has this offset to it.
    WrongThere(ClockOffset),
}

/// A pong of a boot node, or of another trusted witness.
#[derive(Clone, Copy, Debug)]
pub(super) struct BootPong {
    pub(super) id: NodeId,
    pub(super) witness: ClockWitness,
    pub(super) ip: IpAddr,
    pub(super) expiration: u64,
    /// Whether it answers a ping that is valid for longer than usual, after usual pings that were not
    /// answered.
    pub(super) is_probe: bool,
}

/// Compares the expiration of received packets with our clock.
///
/// Samples are pongs that answer our pings, and pings, all with a valid signature. The median of
/// several decides, so that a minority of wrong clocks has no effect. A boot node or another given witness is
/// trusted: it decides alone, unless the others contradict it.
#[derive(Debug, Default)]
pub(super) struct ClockCheck {
    /// The sender, and for how many more seconds its packet is valid by our clock. One sample per
    /// address.
    samples: VecDeque<(IpAddr, i64)>,
    /// How many probes in a row each boot node has answered.
    probes: HashMap<NodeId, u8>,
    reported: Option<Instant>,
    /// By how much our clock is wrong, as far as it is known.
    wrong: Option<(ClockOffset, ClockWitness)>,
    /// The time of the last call on both clocks of this machine.
    last_call: Option<(Instant, u64)>,
}

impl ClockCheck {
    /// Whether the time of day was set since the last call. Then nothing that was sampled counts.
    pub(super) fn has_jumped(&mut self, now: Instant, unix: u64) -> bool {
        let last = self.last_call.replace((now, unix));
        let Some((last, last_unix)) = last else { return false };
        let expected = last_unix.saturating_add(now.saturating_duration_since(last).as_secs());
        let has_jumped = expected.abs_diff(unix) >= MIN_JUMP_SECS;
        if has_jumped {
            *self = Self { last_call: self.last_call, ..Self::default() };
        }
        has_jumped
    }

    /// Adds a sample: a packet from `ip` expires at `expiration`, and our clock shows `unix`. Returns
    /// the offset of our clock if it is to be reported now.
    pub(super) fn sample(
        &mut self,
        now: Instant,
        unix: u64,
        ip: IpAddr,
        expiration: u64,
    ) -> Option<(ClockOffset, ClockWitness)> {
        self.samples.retain(|(other, _)| *other != ip);
        if self.samples.len() == MAX_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((ip, seconds_left(unix, expiration)));
        let Some(offset) = self.offset() else {
            if matches!(self.wrong, Some((_, ClockWitness::Majority(_)))) {
                self.wrong = None;
            }
            return None;
        };
        self.wrong = Some((offset, ClockWitness::Majority(self.samples.len())));
        self.wrong.filter(|_| self.may_report(now))
    }

    /// By how much our clock is wrong, and who says so; `None` if it is right or nothing is known.
    pub(super) const fn wrong(&self) -> Option<(ClockOffset, ClockWitness)> {
        self.wrong
    }

    /// Judges by a pong of a boot node, whose signature has been checked.
    pub(super) fn judge(&mut self, now: Instant, unix: u64, pong: BootPong) -> ClockVerdict {
        let left = seconds_left(unix, pong.expiration);
        let offset = if left < 0 {
            ahead(left)
        } else if pong.is_probe && left > USUAL_VALID_SECS {
            behind(left)
        } else {
            self.probes.remove(&pong.id);
            self.wrong = None;
            return ClockVerdict::Right;
        };
        let probes = self.probes.entry(pong.id).or_default();
        *probes = probes.saturating_add(1);
        if left >= 0 && *probes < MIN_PROBES {
            return ClockVerdict::Unsure;
        }
        if self.is_contradicted(pong.ip) {
            self.wrong = None;
            return ClockVerdict::WrongThere(offset);
        }
        self.wrong = Some((offset, pong.witness));
        ClockVerdict::Wrong { offset, is_reported: self.may_report(now) }
    }

    /// Whether most samples of other addresses than `ip` say that our clock is right.
    fn is_contradicted(&self, ip: IpAddr) -> bool {
        let others = || self.samples.iter().filter(|(other, _)| *other != ip);
        let right = others().filter(|(_, left)| (0..=USUAL_VALID_SECS).contains(left)).count();
        right >= MIN_CONTRADICTIONS && 2 * right > others().count()
    }

    fn may_report(&mut self, now: Instant) -> bool {
        let is_recent = |at| now.saturating_duration_since(at) < REPORT_INTERVAL;
        let may = !self.reported.is_some_and(is_recent);
        if may {
            self.reported = Some(now);
        }
        may
    }

    /// The offset by the median sample.
    fn offset(&self) -> Option<ClockOffset> {
        if self.samples.len() < MIN_SAMPLES {
            return None;
        }
        let mut left: Vec<i64> = self.samples.iter().map(|(_, left)| *left).collect();
        left.sort_unstable();
        match left[left.len() / 2] {
            median if median < 0 => Some(ahead(median)),
            median if median > MAX_VALID_SECS => Some(behind(median)),
            _ => None,
        }
    }
}

/// For how many seconds a packet is still valid.
fn seconds_left(unix: u64, expiration: u64) -> i64 {
    expiration.saturating_sub(unix).min(i64::MAX as u64).cast_signed()
        - unix.saturating_sub(expiration).min(i64::MAX as u64).cast_signed()
}

const fn ahead(left: i64) -> ClockOffset {
    ClockOffset::Ahead(Duration::from_secs(MIN_VALID_SECS.saturating_sub(left).unsigned_abs()))
}

const fn behind(left: i64) -> ClockOffset {
    ClockOffset::Behind(Duration::from_secs(left.saturating_sub(MIN_VALID_SECS).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const UNIX: u64 = 1_700_000_000;

    fn offsets(expirations: &[u64]) -> Vec<Option<ClockOffset>> {
        let (mut clock, now) = (ClockCheck::default(), Instant::now());
        let samples = (1..).zip(expirations);
        let sample = |(ip, expiration): (u32, &u64)| {
            let reported = clock.sample(now, UNIX, Ipv4Addr::from_bits(ip).into(), *expiration);
            reported.map(|(offset, _)| offset)
        };
        samples.map(sample).collect()
    }

    #[test]
    fn a_correct_clock_is_not_reported() {
        assert_eq!(offsets(&[UNIX + 20, UNIX + 60, UNIX + 19, UNIX + 20]), [None; 4]);
        let one_wrong = [UNIX + 20, UNIX - 500, UNIX + 20, UNIX + 20];
        assert_eq!(offsets(&one_wrong), [None; 4], "a minority of wrong clocks");
    }

    #[test]
    fn a_wrong_clock_is_reported_once() {
        let ahead = ClockOffset::Ahead(Duration::from_secs(120));
        assert_eq!(offsets(&[UNIX - 100; 5]), [None, None, Some(ahead), None, None]);
        let behind = ClockOffset::Behind(Duration::from_secs(3600));
        assert_eq!(offsets(&[UNIX + 3620; 4]), [None, None, Some(behind), None]);
    }

    #[test]
    fn an_address_has_one_sample_and_no_value_overflows() {
        let (mut clock, now) = (ClockCheck::default(), Instant::now());
        let ip = Ipv4Addr::LOCALHOST.into();
        for expiration in [0, u64::MAX, 5, u64::MAX, 0] {
            assert_eq!(clock.sample(now, UNIX, ip, expiration), None);
            assert_eq!(clock.sample(now, u64::MAX, ip, expiration), None);
        }
        assert!(offsets(&[u64::MAX; 3])[2].is_some() && offsets(&[0; 3])[2].is_some());
    }

    fn boot_pong(expiration: u64, is_probe: bool) -> BootPong {
        let (id, ip) = (NodeId([1; 64]), Ipv4Addr::LOCALHOST.into());
        BootPong { id, witness: ClockWitness::BootNode(id), ip, expiration, is_probe }
    }

    #[test]
    fn one_boot_node_is_enough() {
        let (mut clock, now) = (ClockCheck::default(), Instant::now());
        let offset = ClockOffset::Ahead(Duration::from_secs(45));
        let wrong = |is_reported| ClockVerdict::Wrong { offset, is_reported };
        assert_eq!(clock.judge(now, UNIX, boot_pong(UNIX - 25, false)), wrong(true));
        assert_eq!(clock.judge(now, UNIX, boot_pong(UNIX - 25, false)), wrong(false));
        assert_eq!(clock.wrong(), Some((offset, ClockWitness::BootNode(NodeId([1; 64])))));
        assert_eq!(clock.judge(now, UNIX, boot_pong(UNIX + 20, false)), ClockVerdict::Right);
        assert_eq!(clock.wrong(), None);
        assert!(!clock.has_jumped(now, UNIX) && clock.has_jumped(now, UNIX - 45));
        assert_eq!(clock.judge(now, UNIX, boot_pong(UNIX - 25, false)), wrong(true), "once more");
    }

    /// A node with packets that are valid for 60 s may answer a probe although our clock is right, if
    /// the pings before were lost.
    #[test]
    fn a_clock_that_is_behind_takes_two_probes() {
        let (mut clock, now) = (ClockCheck::default(), Instant::now());
        let offset = ClockOffset::Behind(Duration::from_secs(45));
        assert_eq!(clock.judge(now, UNIX, boot_pong(UNIX + 65, true)), ClockVerdict::Unsure);
        assert_eq!(clock.judge(now, UNIX, boot_pong(UNIX + 60, false)), ClockVerdict::Right);
        assert_eq!(clock.judge(now, UNIX, boot_pong(UNIX + 65, true)), ClockVerdict::Unsure);
        let wrong = ClockVerdict::Wrong { offset, is_reported: true };
        assert_eq!(clock.judge(now, UNIX, boot_pong(UNIX + 65, true)), wrong);
        assert_eq!(clock.judge(now, UNIX, boot_pong(UNIX + 20, true)), ClockVerdict::Right);
    }

    #[test]
    fn a_boot_node_that_most_others_contradict_has_the_wrong_clock() {
        let (mut clock, now) = (ClockCheck::default(), Instant::now());
        for ip in 1..=2 {
            clock.sample(now, UNIX, Ipv4Addr::from_bits(ip).into(), UNIX + 20);
        }
        let there = ClockVerdict::WrongThere(ClockOffset::Ahead(Duration::from_secs(45)));
        assert_eq!(clock.judge(now, UNIX, boot_pong(UNIX - 25, false)), there);
    }
}

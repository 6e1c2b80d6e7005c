//! What goes wrong, and when.

use std::{fmt, time::Duration};

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::host_id::HostId;

/// Something that goes wrong, or is repaired.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The program of a host is killed. Its files stay; the other ends of its connections are told.
    Kill(HostId),
    /// A host loses its power: unsynced writes may be lost or torn, and no one is told.
    PowerLoss(HostId),
    /// A host that is off starts its program again.
    Restart(HostId),
    /// A host that is off has another address from now on. Its name, `host-0` for the first one, leads there.
    Move(HostId),
    /// Nothing passes from any of the first hosts to any of the second ones. To cut a line in both directions, cause it twice.
    Block(Vec<HostId>, Vec<HostId>),
    /// What the same [`Fault::Block`] has cut is repaired.
    Unblock(Vec<HostId>, Vec<HostId>),
    /// The clock of a host is wrong by this many seconds from now on; negative is behind.
    Clock(HostId, f64),
    /// The clock of a host gains this many seconds in each second.
    Drift(HostId, f64),
    /// The disk of a host has room for this many bytes; `None` for any number.
    Capacity(HostId, Option<u64>),
    /// A bit of a file of a host changes.
    FlipBit(HostId),
}

impl Fault {
    /// Whether all hosts that it names are among the first `count`.
    #[must_use]
    pub fn hosts_below(&self, count: usize) -> bool {
        let is_below = |host: &HostId| host.index() < count;
        match self {
            Self::Kill(host)
            | Self::PowerLoss(host)
            | Self::Restart(host)
            | Self::Move(host)
            | Self::Clock(host, _)
            | Self::Drift(host, _)
            | Self::Capacity(host, _)
            | Self::FlipBit(host) => is_below(host),
            Self::Block(from, to) | Self::Unblock(from, to) => from.iter().chain(to).all(is_below),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |hosts: &[HostId]| {
            hosts.iter().map(|host| host.0.to_string()).collect::<Vec<_>>().join(",")
        };
        match self {
            Self::Kill(host) => write!(f, "kill {}", host.0),
            Self::PowerLoss(host) => write!(f, "power-loss {}", host.0),
            Self::Restart(host) => write!(f, "restart {}", host.0),
            Self::Move(host) => write!(f, "move {}", host.0),
            Self::Block(from, to) => write!(f, "block {} {}", list(from), list(to)),
            Self::Unblock(from, to) => write!(f, "unblock {} {}", list(from), list(to)),
            Self::Clock(host, seconds) => write!(f, "clock {} {seconds}", host.0),
            Self::Drift(host, drift) => write!(f, "drift {} {drift}", host.0),
            Self::Capacity(host, Some(bytes)) => write!(f, "capacity {} {bytes}", host.0),
            Self::Capacity(host, None) => write!(f, "capacity {} any", host.0),
            Self::FlipBit(host) => write!(f, "flip-bit {}", host.0),
        }
    }
}

/// Faults with their times since the start, in order.
pub type Schedule = Vec<(Duration, Fault)>;

/// Which faults a random schedule has, and how many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultMix {
    /// Mean time between two faults.
    pub every: Duration,
    /// Longest time until a fault is repaired.
    pub repair: Duration,
    /// Programs are killed, and hosts lose their power.
    pub stops: bool,
    /// Every second host that stops has another address when it starts again.
    pub moves: bool,
    /// The network is divided, in one or both directions.
    pub partitions: bool,
    /// Clocks are wrong by up to this many seconds.
    pub clocks: f64,
}

/// Random faults of a network of this many hosts, within this time. All are repaired by its end.
#[must_use]
pub fn random_faults(seed: u64, hosts: u32, time: Duration, mix: &FaultMix) -> Schedule {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut schedule = Schedule::new();
    let mut at = Duration::ZERO;
    loop {
        at += mix.every.mul_f64(-(1.0 - rng.random::<f64>()).ln());
        if at >= time || hosts == 0 {
            break;
        }
        let repaired = (at + mix.repair.mul_f64(rng.random())).min(time);
        let host = HostId(rng.random_range(0..hosts));
        match rng.random_range(0..4) {
            0 if mix.stops => {
                let stop = if rng.random() { Fault::Kill(host) } else { Fault::PowerLoss(host) };
                schedule.push((at, stop));
                if mix.moves && rng.random() {
                    schedule.push((repaired, Fault::Move(host)));
                }
                schedule.push((repaired, Fault::Restart(host)));
            }
            1 | 2 if mix.partitions => {
                let everyone = (0..hosts).map(HostId);
                let size = rng.random_range(1..=hosts.div_ceil(2));
                let first = rng.random_range(0..hosts);
                let inside = |host: &HostId| (host.0 + hosts - first) % hosts < size;
                let (near, far): (Vec<_>, Vec<_>) = everyone.partition(inside);
                let both = rng.random();
                schedule.push((at, Fault::Block(near.clone(), far.clone())));
                schedule.push((repaired, Fault::Unblock(near.clone(), far.clone())));
                if both {
                    schedule.push((at, Fault::Block(far.clone(), near.clone())));
                    schedule.push((repaired, Fault::Unblock(far, near)));
                }
            }
            3 if mix.clocks > 0.0 => {
                let seconds = rng.random_range(-mix.clocks..=mix.clocks);
                schedule.extend([
                    (at, Fault::Clock(host, seconds)),
                    (repaired, Fault::Clock(host, 0.0)),
                ]);
            }
            _ => {}
        }
    }
    schedule.sort_by_key(|(at, _)| *at);
    schedule
}

/// What repairs, at this time, everything that a schedule breaks: hosts start, lines carry, clocks are right, disks have room.
/// What works already stays as it is.
#[must_use]
pub fn repairs(schedule: &Schedule, at: Duration) -> Schedule {
    let repair = |(_, fault): &(Duration, Fault)| {
        Some(match fault {
            Fault::Kill(host) | Fault::PowerLoss(host) => Fault::Restart(*host),
            Fault::Block(from, to) => Fault::Unblock(from.clone(), to.clone()),
            Fault::Clock(host, _) => Fault::Clock(*host, 0.0),
            Fault::Drift(host, _) => Fault::Drift(*host, 0.0),
            Fault::Capacity(host, _) => Fault::Capacity(*host, None),
            Fault::Restart(_) | Fault::Move(_) | Fault::Unblock(..) | Fault::FlipBit(_) => {
                return None;
            }
        })
    };
    // A clock has its right rate first.
    let (rates, others): (Vec<_>, Vec<_>) =
        schedule.iter().filter_map(repair).partition(|fault| matches!(fault, Fault::Drift(..)));
    rates.into_iter().chain(others).map(|fault| (at, fault)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_is_repaired() {
        let (host, at) = (HostId(1), Duration::from_secs(9));
        let lines = || (vec![HostId(0)], vec![host]);
        let schedule = [
            Fault::Kill(host),
            Fault::Clock(host, 3.0),
            Fault::Drift(host, 0.1),
            Fault::Block(lines().0, lines().1),
            Fault::FlipBit(host),
        ];
        let schedule = schedule.map(|fault| (Duration::ZERO, fault)).into();
        let repairs: Vec<Fault> = repairs(&schedule, at).into_iter().map(|it| it.1).collect();
        let unblock = Fault::Unblock(lines().0, lines().1);
        let (right, restart) = (Fault::Clock(host, 0.0), Fault::Restart(host));
        assert_eq!(repairs, [Fault::Drift(host, 0.0), restart, right, unblock]);
    }

    #[test]
    fn a_seed_gives_the_same_faults_and_all_are_repaired() {
        let mix = FaultMix {
            every: Duration::from_secs(2),
            repair: Duration::from_secs(20),
            stops: true,
            moves: true,
            partitions: true,
            clocks: 10.0,
        };
        let time = Duration::from_secs(600);
        let faults = random_faults(7, 20, time, &mix);
        assert_eq!(faults, random_faults(7, 20, time, &mix));
        assert_ne!(faults, random_faults(8, 20, time, &mix));
        assert!(faults.iter().all(|(at, _)| *at <= time));
        let count =
            |kind: fn(&Fault) -> bool| faults.iter().filter(|(_, fault)| kind(fault)).count();
        let stopped = count(|fault| matches!(fault, Fault::Kill(_) | Fault::PowerLoss(_)));
        assert!(stopped > 10);
        assert_eq!(stopped, count(|fault| matches!(fault, Fault::Restart(_))));
        let moved = count(|fault| matches!(fault, Fault::Move(_)));
        assert!((5..stopped).contains(&moved));
        let blocked = count(|fault| matches!(fault, Fault::Block(..)));
        assert!(blocked > 10);
        assert_eq!(blocked, count(|fault| matches!(fault, Fault::Unblock(..))));
    }
}

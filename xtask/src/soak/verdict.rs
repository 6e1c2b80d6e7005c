//! Whether the growth of a quantity would matter in a month.

use super::{
    slope::{Slope, slope},
    usage::Usage,
};

/// The seconds of 30 days.
const MONTH: f64 = 30.0 * 24.0 * 3600.0;

/// What is measured of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    Memory,
    Descriptors,
    Disk,
}

impl Quantity {
    pub(super) const ALL: [Self; 3] = [Self::Memory, Self::Descriptors, Self::Disk];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Descriptors => "descriptors",
            Self::Disk => "disk",
        }
    }

    /// The value in the unit in which it is shown.
    pub(super) fn of(self, usage: &Usage) -> f64 {
        let mib = f64::from(1 << 20);
        match self {
            Self::Memory => usage.memory as f64 / mib,
            Self::Descriptors => usage.descriptors as f64,
            Self::Disk => usage.disk as f64 / mib,
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Memory | Self::Disk => "MiB",
            Self::Descriptors => "descriptors",
        }
    }

    /// The growth in a month that does not matter, in the unit in which it is shown.
    fn allowed(self) -> f64 {
        match self {
            Self::Memory => 256.0,
            Self::Descriptors => 100.0,
            Self::Disk => 1024.0,
        }
    }
}

/// What the samples show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It does not grow more than is allowed.
    Steady,
    /// It grows more than is allowed.
    Grows,
    /// The samples fit both: they are too few, or too different.
    Unclear,
}

impl Verdict {
    /// Why a soak fails with it. Samples that fit growth, too, show nothing.
    pub(super) fn fault(self) -> Option<&'static str> {
        match self {
            Self::Steady => None,
            Self::Grows => Some("grows"),
            Self::Unclear => Some("may grow: a longer soak would tell"),
        }
    }
}

/// Judges the samples of a quantity. Returns a line with the slope and the verdict.
pub(super) fn judge(quantity: Quantity, points: &[(f64, f64)]) -> (String, Verdict) {
    let (name, unit, allowed) = (quantity.name(), quantity.unit(), quantity.allowed());
    let Some(Slope { median, low, high }) = slope(points) else {
        return (format!("{name:11} too few samples"), Verdict::Unclear);
    };
    let [median, low, high] = [median, low, high].map(|slope| slope * MONTH);
    let (verdict, text) = if low > allowed {
        (Verdict::Grows, "GROWS")
    } else if high <= allowed {
        (Verdict::Steady, "steady")
    } else {
        (Verdict::Unclear, "unclear: a longer soak would tell")
    };
    let line = format!(
        "{name:11} {median:+10.1} {unit} ({low:+.1} to {high:+.1}), {allowed} are allowed: {text}"
    );
    (line, verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour of samples that grow by this much in a month, with jumps of up to five times `noise`.
    fn verdict(quantity: Quantity, growth: f64, noise: f64) -> Verdict {
        let points: Vec<_> = (0..720)
            .map(|index| {
                let at = f64::from(index) * 5.0;
                let block = noise * (f64::from(index / 60 * 7 % 11) - 5.0);
                (at, 50.0 + growth * at / MONTH + block)
            })
            .collect();
        judge(quantity, &points).1
    }

    #[test]
    fn a_leak_is_found_and_a_steady_node_passes() {
        assert_eq!(verdict(Quantity::Memory, 0.0, 0.0), Verdict::Steady);
        assert_eq!(verdict(Quantity::Memory, 200.0, 0.0), Verdict::Steady);
        assert_eq!(verdict(Quantity::Memory, 2000.0, 0.01), Verdict::Grows);
        assert_eq!(verdict(Quantity::Descriptors, 700.0, 0.0), Verdict::Grows);
        assert_eq!(verdict(Quantity::Disk, -5000.0, 0.0), Verdict::Steady);
    }

    #[test]
    fn noise_is_no_leak_and_no_proof_of_the_contrary() {
        assert_eq!(verdict(Quantity::Memory, 0.0, 5.0), Verdict::Unclear);
        assert_eq!(judge(Quantity::Memory, &[]).1, Verdict::Unclear);
        assert!(Verdict::Unclear.fault().is_some() && Verdict::Grows.fault().is_some());
        assert_eq!(Verdict::Steady.fault(), None);
    }
}

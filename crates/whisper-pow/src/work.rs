//! The work of an envelope.

use std::{cmp::Ordering, fmt};

use keccak_lanes::Digest;
use thiserror::Error;
use whisper_envelope::{Envelope, Unsealed};

use crate::{Rule, Size, preimage::before_nonce};

/// An amount of work, `2^bits / size / time to live`: hashes per byte and second.
///
/// A finite number that is not negative, so values have a total order. Computed with the same operations in the
/// same order as in go-ethereum, so that the results are equal to the last bit.
///
/// ```
/// use whisper_pow::Work;
///
/// let asked = Work::new(0.2).ok_or("not an amount of work")?;
/// assert!(asked > Work::ZERO);
/// assert_eq!(asked.get(), 0.2);
/// assert_eq!(Work::new(f64::INFINITY), None);
/// # Ok::<_, &str>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Work(f64);

/// Why an envelope has no work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WorkError {
    /// Its time to live is 0, so its work would be infinite. go-ethereum accepts such envelopes under any
    /// requirement.
    #[error("time to live of 0 seconds")]
    ZeroTtl,
}

impl Work {
    /// No work.
    pub const ZERO: Self = Self(0.0);

    /// This amount, or `None` if it is negative, infinite or not a number.
    #[must_use]
    pub fn new(amount: f64) -> Option<Self> {
        // Adding 0 turns -0 into 0.
        (amount.is_finite() && amount >= 0.0).then_some(Self(amount + 0.0))
    }

    /// The amount.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The work of `zeros` zero bits, at most 256. `size` and `ttl` must not be 0.
    pub(crate) fn of(zeros: u32, size: usize, ttl: u32) -> Self {
        // In go-ethereum's order, because each division rounds.
        Self(power_of_two(zeros) / size as f64 / f64::from(ttl))
    }
}

/// Exactly `2^exponent`, for an exponent of at most 1023.
const fn power_of_two(exponent: u32) -> f64 {
    f64::from_bits((1023 + exponent as u64) << 52)
}

impl Eq for Work {}

impl PartialOrd for Work {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Work {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Work({})", self.0)
    }
}

/// The work of an envelope under a rule.
///
/// Costs one Keccak-256 over the envelope, and one of one block more with [`Preimage::Hashed`](crate::Preimage::Hashed).
/// Compute it once, and not while holding a lock.
///
/// # Errors
///
/// [`WorkError`].
pub fn work(rule: Rule, envelope: &Envelope) -> Result<Work, WorkError> {
    work_with_ttl(rule, envelope, envelope.ttl())
}

/// The work of an envelope with a time to live of `ttl` seconds.
///
/// An envelope that was sent in the future (within the tolerance for clocks) lives longer than it declares. Its
/// work is computed with `ttl + (sent - now + 1)`, added without overflow.
///
/// # Errors
///
/// [`WorkError`], about the `ttl` given.
pub fn work_with_ttl(rule: Rule, envelope: &Envelope, ttl: u32) -> Result<Work, WorkError> {
    if ttl == 0 {
        return Err(WorkError::ZeroTtl);
    }
    let hash = before_nonce(rule.preimage, envelope.unsealed());
    rule.work_of(&hash.chain(&envelope.nonce().to_be_bytes()).finalize(), envelope, ttl)
}

impl Rule {
    /// The work of an envelope with this hash.
    pub(crate) fn work_of(
        self,
        hash: &Digest,
        envelope: &Envelope,
        ttl: u32,
    ) -> Result<Work, WorkError> {
        if ttl == 0 {
            return Err(WorkError::ZeroTtl);
        }
        let size = self.size.of(envelope.unsealed(), envelope.nonce());
        Ok(Work::of(self.zeros.count(hash), size, ttl))
    }
}

impl Size {
    /// The size of an envelope with this nonce.
    pub(crate) fn of(self, unsealed: &Unsealed, nonce: u64) -> usize {
        match self {
            Self::Fields => unsealed.size(),
            Self::UnsealedRlp => unsealed.preimage().len(),
            Self::SealedRlp => unsealed.sealed_len(nonce),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_that_are_not_work() {
        for amount in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.1] {
            assert_eq!(Work::new(amount), None, "{amount}");
        }
        assert_eq!(Work::new(-0.0), Some(Work::ZERO));
        assert_eq!(Work::new(-0.0).cmp(&Some(Work::ZERO)), Ordering::Equal);
    }

    #[test]
    fn the_largest_work_is_finite() {
        assert_eq!(Work::of(256, 1, 1).get(), 2f64.powi(256));
        assert!(Work::of(0, usize::MAX, u32::MAX) > Work::ZERO);
    }
}

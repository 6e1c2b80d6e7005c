//! One envelope under one rule: what each nonce would be worth.

use whisper_envelope::Unsealed;

use crate::{Rule, Size, Work, WorkError, preimage::Midstate};

/// One envelope under one rule: what each nonce would be worth.
///
/// Everything before the nonce is hashed when it is made, so that a nonce costs one permutation of
/// Keccak whatever the size of the envelope (two, where the nonce crosses the end of a block).
///
/// ```
/// use whisper_envelope::{Topic, Unsealed};
/// use whisper_pow::{Rule, Task, Work};
///
/// let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 280]);
/// let task = Task::new(Rule::EIP_627, &unsealed)?;
/// let asked = Work::new(0.02).ok_or("not an amount of work")?;
///
/// let bits = task.bits_for(asked).ok_or("more than 256 bits")?;
/// let nonce = (0..).find(|&nonce| task.zeros(nonce) >= bits).ok_or("none")?;
/// assert!(task.work(nonce) >= asked);
/// assert_eq!(whisper_pow::work(Rule::EIP_627, &unsealed.seal(nonce)), Ok(task.work(nonce)));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Task {
    rule: Rule,
    unsealed: Unsealed,
    /// Not 0.
    ttl: u32,
    midstate: Midstate,
}

impl Task {
    /// The task of sealing `unsealed` under `rule`.
    ///
    /// # Errors
    ///
    /// [`WorkError`].
    pub fn new(rule: Rule, unsealed: &Unsealed) -> Result<Self, WorkError> {
        Self::with_ttl(rule, unsealed, unsealed.ttl())
    }

    /// As [`new`](Self::new), with another time to live in the amount (but not in the hash).
    pub(crate) fn with_ttl(rule: Rule, unsealed: &Unsealed, ttl: u32) -> Result<Self, WorkError> {
        if ttl == 0 {
            return Err(WorkError::ZeroTtl);
        }
        let midstate = Midstate::new(rule.preimage, rule.zeros, unsealed);
        Ok(Self { rule, unsealed: unsealed.clone(), ttl, midstate })
    }

    /// The envelope that is to be sealed.
    #[must_use]
    pub const fn unsealed(&self) -> &Unsealed {
        &self.unsealed
    }

    /// How many zero bits count in the hash of `nonce`: 0 to 256.
    #[must_use]
    pub fn zeros(&self, nonce: u64) -> u32 {
        self.midstate.zeros(nonce)
    }

    /// The work that the envelope would show with `nonce`.
    #[must_use]
    pub fn work(&self, nonce: u64) -> Work {
        Work::of(self.zeros(nonce), self.size(nonce), self.ttl)
    }

    /// How many zero bits are enough for this much work with any nonce; `None` if 256 are not.
    ///
    /// On average 2^bits nonces have to be tried. At least 1 as in go-ethereum, except for no work at
    /// all, which takes none. go-ethereum computes the bits from [`Size::Fields`] whatever the rule, and
    /// so can end just below what was asked for; here the rule's own size counts (its largest, where
    /// it depends on the nonce), and what is found always reaches what was asked for.
    #[must_use]
    pub fn bits_for(&self, work: Work) -> Option<u32> {
        if work == Work::ZERO {
            return Some(0);
        }
        let size = self.size(u64::MAX);
        (1..=256).find(|&bits| Work::of(bits, size, self.ttl) >= work)
    }

    fn size(&self, nonce: u64) -> usize {
        match self.rule.size {
            Size::Fields => self.unsealed.size(),
            Size::UnsealedRlp => self.unsealed.preimage().len(),
            Size::SealedRlp => self.unsealed.sealed_len(nonce),
        }
    }
}

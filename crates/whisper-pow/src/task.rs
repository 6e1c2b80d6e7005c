//! Tasks: one envelope to be sealed under one or several rules.

use whisper_envelope::Unsealed;

use crate::{Rule, Work, WorkError, preimage::Midstate};

/// One envelope to be sealed under one or several rules. It computes the work of each nonce.
///
/// Everything before the nonce is hashed once, so a nonce costs one permutation of Keccak for any size of envelope
/// (two, if the nonce ends at the end of a block).
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
    unsealed: Unsealed,
    /// Not 0.
    ttl: u32,
    rules: Vec<Rule>,
    /// One for each hash that the rules need. Rules may share a hash.
    midstates: Vec<Midstate>,
}

impl Task {
    /// The task of sealing `unsealed` under `rule`.
    ///
    /// # Errors
    ///
    /// [`WorkError`].
    pub fn new(rule: Rule, unsealed: &Unsealed) -> Result<Self, WorkError> {
        if unsealed.ttl() == 0 {
            return Err(WorkError::ZeroTtl);
        }
        let nothing = Self {
            unsealed: unsealed.clone(),
            ttl: unsealed.ttl(),
            rules: Vec::new(),
            midstates: Vec::new(),
        };
        Ok(nothing.and(rule))
    }

    /// Adds a rule: the nonce must have enough work under `rule` as well, so that networks with different rules
    /// accept the envelope.
    ///
    /// Rules that use the same bits of the same hash, such as [`Rule::EIP_627`], [`Rule::PARITY`] and
    /// [`Rule::NIM`], together cost as much as the strictest of them. For other rules the costs are *multiplied*,
    /// because their hashes are independent. With 12 bits, one rule needs 4096 nonces on average;
    /// [`Rule::GETH_1_8`] and [`Rule::EIP_627`] together need 16.8 million
    /// ([`expected_hashes`](Self::expected_hashes)).
    ///
    /// ```
    /// use whisper_envelope::{Topic, Unsealed};
    /// use whisper_pow::{Rule, Task, Work, search, work};
    ///
    /// let unsealed = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 280]);
    /// let both = Task::new(Rule::EIP_627, &unsealed)?.and(Rule::GETH_1_8);
    /// let asked = Work::new(0.01).ok_or("not an amount of work")?;
    ///
    /// let bits = both.bits_for(asked).ok_or("unreachable")?;
    /// let found = search(&both, 0..=u64::MAX, bits, || false).best.ok_or("no nonces")?;
    /// let envelope = unsealed.seal(found.nonce);
    /// assert!(work(Rule::EIP_627, &envelope)? >= asked);
    /// assert!(work(Rule::GETH_1_8, &envelope)? >= asked);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn and(mut self, rule: Rule) -> Self {
        let same = |other: &Rule| (other.preimage, other.zeros) == (rule.preimage, rule.zeros);
        if !self.rules.iter().any(same) {
            self.midstates.push(Midstate::new(rule.preimage, rule.zeros, &self.unsealed));
        }
        self.rules.push(rule);
        self
    }

    /// The envelope to be sealed.
    #[must_use]
    pub const fn unsealed(&self) -> &Unsealed {
        &self.unsealed
    }

    /// Number of zero bits that count in the hash of `nonce`: 0 to 256. With several rules, the lowest number.
    #[must_use]
    pub fn zeros(&self, nonce: u64) -> u32 {
        self.midstates.iter().map(|midstate| midstate.zeros(nonce)).min().unwrap_or_default()
    }

    /// The work of the envelope with `nonce`. With several rules, the lowest one, for [`zeros`](Self::zeros) zero
    /// bits under each.
    #[must_use]
    pub fn work(&self, nonce: u64) -> Work {
        self.work_of(self.zeros(nonce), nonce)
    }

    /// Number of zero bits that are enough for this much work with any nonce; `None` if 256 are not.
    ///
    /// At least 1, as in go-ethereum; 0 for [`Work::ZERO`]. go-ethereum computes the bits from
    /// [`Size::Fields`](crate::Size::Fields) under every rule, so its result can be just below the target. Here
    /// the size of the rule is used (the largest, if it depends on the nonce), so the target is always
    /// reached. With several rules, the number for the strictest.
    #[must_use]
    pub fn bits_for(&self, work: Work) -> Option<u32> {
        if work == Work::ZERO {
            return Some(0);
        }
        (1..=256).find(|&bits| self.work_of(bits, u64::MAX) >= work)
    }

    /// Average number of nonces to be tried until one has `bits` zero bits: 2^bits, or (2^bits)^n if the rules use n
    /// different hashes.
    #[must_use]
    pub fn expected_hashes(&self, bits: u32) -> f64 {
        self.midstates.iter().map(|_| 2f64.powf(bits.into())).product()
    }

    /// The first of `count` nonces from `start` on with at least `enough` zero bits under all rules.
    pub(crate) fn find(&self, enough: u32, start: u64, count: u64) -> Option<u64> {
        let (first, others) = self.midstates.split_first()?;
        let mut done = 0;
        while done < count {
            let nonce = first.find(enough, start.wrapping_add(done), count - done)?;
            if others.iter().all(|other| other.zeros(nonce) >= enough) {
                return Some(nonce);
            }
            done = nonce.wrapping_sub(start) + 1;
        }
        None
    }

    fn work_of(&self, zeros: u32, nonce: u64) -> Work {
        let works = self
            .rules
            .iter()
            .map(|rule| Work::of(zeros, rule.size.of(&self.unsealed, nonce), self.ttl));
        works.min().unwrap_or_default()
    }
}

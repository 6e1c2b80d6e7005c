//! One envelope under a rule, or several: what each nonce would be worth.

use whisper_envelope::Unsealed;

use crate::{Rule, Work, WorkError, preimage::Midstate};

/// One envelope under a rule, or several: what each nonce would be worth.
///
/// Everything before the nonce is hashed when it is made, so that a nonce costs one permutation of
/// Keccak whatever the size of the envelope (two, where the nonce fills a block to its end).
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
    /// One for each hash that the rules ask for. Several rules may ask for the same.
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

    /// The task of finding a nonce that is good under `rule` as well, so that one envelope passes through
    /// networks that go by different rules.
    ///
    /// What that costs depends on the hashes. Rules that look at the same bits of the same hash, such as
    /// [`Rule::EIP_627`], [`Rule::PARITY`] and [`Rule::NIM`], cost no more together than the strictest
    /// of them. Others are independent: a nonce that is good under one is good under the other as rarely
    /// as any, and the costs are *multiplied*. Where 12 bits are asked for, 4096 nonces suffice for one
    /// rule on average, and 16.8 million are needed for [`Rule::GETH_1_8`] and [`Rule::EIP_627`]
    /// together ([`expected_hashes`](Self::expected_hashes)).
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

    /// The envelope that is to be sealed.
    #[must_use]
    pub const fn unsealed(&self) -> &Unsealed {
        &self.unsealed
    }

    /// How many zero bits count in the hash of `nonce`: 0 to 256. With several rules, the fewest.
    #[must_use]
    pub fn zeros(&self, nonce: u64) -> u32 {
        self.midstates.iter().map(|midstate| midstate.zeros(nonce)).min().unwrap_or_default()
    }

    /// The work that the envelope would show with `nonce`. With several rules, that under the one where it
    /// is least, for as many zero bits under each.
    #[must_use]
    pub fn work(&self, nonce: u64) -> Work {
        self.work_of(self.zeros(nonce), nonce)
    }

    /// How many zero bits are enough for this much work with any nonce; `None` if 256 are not.
    ///
    /// At least 1 as in go-ethereum, except for no work at all, which takes none. go-ethereum computes the
    /// bits from [`Size::Fields`](crate::Size::Fields) whatever the rule, and so can end just below what
    /// was asked for; here the rule's own size counts (its largest, where it depends on the nonce), and
    /// what is found always reaches what was asked for. With several rules, the bits of the strictest.
    #[must_use]
    pub fn bits_for(&self, work: Work) -> Option<u32> {
        if work == Work::ZERO {
            return Some(0);
        }
        (1..=256).find(|&bits| self.work_of(bits, u64::MAX) >= work)
    }

    /// How many nonces have to be tried on average until one has so many zero bits: 2^bits, and with
    /// several rules that power of it that says how many different hashes they look at.
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

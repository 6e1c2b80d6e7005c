//! Proofs: the zero bits of an envelope's hashes, small enough to store one for each envelope of a pool.

use keccak_lanes::Digest;
use whisper_envelope::Envelope;

use crate::{Policy, Preimage, Rule, Size, Work, WorkError, Zeros, preimage::before_nonce};

/// The proof of work of an envelope in 16 bytes: its work under any rule can be computed from it, without
/// hashing again.
///
/// A relay stores it because peers use different rules: an envelope must have enough work under the rule of the
/// peer to which it is sent.
///
/// ```
/// use whisper_envelope::{Topic, Unsealed};
/// use whisper_pow::{Policy, Rule, work};
///
/// let envelope = Unsealed::v6(1_700_000_050, 50, Topic(*b"news"), &[7; 280]).seal(0);
/// let policy = Policy::default();
/// let proof = policy.proof(&envelope, envelope.ttl())?;
/// for rule in [Rule::EIP_627, Rule::GETH_1_8] {
///     assert_eq!(proof.work(rule), Some(work(rule, &envelope)?));
/// }
/// assert_eq!(policy.best(&proof), policy.work(&envelope)?);
/// # Ok::<_, whisper_pow::WorkError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    plain: Option<Counts>,
    hashed: Option<Counts>,
    /// Length of the RLP without the nonce minus `fields`.
    unsealed: i8,
    /// Length of the RLP with the nonce minus that without it.
    nonce: u8,
    ttl: u32,
    fields: u32,
}

/// Leading and trailing zero bits of a hash, at most 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    leading: u8,
    trailing: u8,
}

impl Counts {
    fn of(hash: &Digest) -> Self {
        let count = |zeros: Zeros| u8::try_from(zeros.count(hash)).unwrap_or(u8::MAX);
        Self { leading: count(Zeros::Leading), trailing: count(Zeros::Trailing) }
    }
}

impl Proof {
    /// The proof of an envelope with these hashes and a time to live of `ttl` seconds.
    ///
    /// # Errors
    ///
    /// `ttl` is 0.
    pub(crate) fn new(
        envelope: &Envelope,
        ttl: u32,
        plain: Option<&Digest>,
        hashed: Option<&Digest>,
    ) -> Result<Self, WorkError> {
        if ttl == 0 {
            return Err(WorkError::ZeroTtl);
        }
        let length = |size: Size| size.of(envelope.unsealed(), envelope.nonce());
        let (fields, unsealed) = (length(Size::Fields), length(Size::UnsealedRlp));
        // Both differences fit: they are a few field headers of at most 9 bytes each. A size over 4 GiB
        // counts as 4 GiB.
        let over = unsealed as i128 - fields as i128;
        Ok(Self {
            plain: plain.map(Counts::of),
            hashed: hashed.map(Counts::of),
            unsealed: i8::try_from(over).unwrap_or(i8::MAX),
            nonce: u8::try_from(length(Size::SealedRlp) - unsealed).unwrap_or(u8::MAX),
            ttl,
            fields: u32::try_from(fields).unwrap_or(u32::MAX),
        })
    }

    /// The work under a rule. `None` if its preimage was not hashed, because the policy that made the proof
    /// accepts no rule with this preimage.
    #[must_use]
    pub fn work(&self, rule: Rule) -> Option<Work> {
        let counts = match rule.preimage {
            Preimage::Plain => self.plain,
            Preimage::Hashed => self.hashed,
        }?;
        let zeros = match rule.zeros {
            Zeros::Leading => counts.leading,
            Zeros::Trailing => counts.trailing,
        };
        Some(Work::of(zeros.into(), self.size(rule.size), self.ttl))
    }

    fn size(&self, size: Size) -> usize {
        let fields = self.fields as usize;
        let unsealed = fields.saturating_add_signed(self.unsealed.into());
        match size {
            Size::Fields => fields,
            Size::UnsealedRlp => unsealed,
            Size::SealedRlp => unsealed + usize::from(self.nonce),
        }
    }
}

impl Policy {
    /// The proof of an envelope for the accepted rules, with a time to live of `ttl` seconds; see
    /// [`work_with_ttl`](crate::work_with_ttl). For many envelopes see [`Policy::proofs`].
    ///
    /// # Errors
    ///
    /// [`WorkError`], about the `ttl` given.
    pub fn proof(&self, envelope: &Envelope, ttl: u32) -> Result<Proof, WorkError> {
        let of = |preimage| {
            self.hashes(preimage).then(|| {
                let hash = before_nonce(preimage, envelope.unsealed());
                hash.chain(&envelope.nonce().to_be_bytes()).finalize()
            })
        };
        let (plain, hashed) = (of(Preimage::Plain), of(Preimage::Hashed));
        Proof::new(envelope, ttl, plain.as_ref(), hashed.as_ref())
    }

    /// The highest work of a proof under any accepted rule.
    #[must_use]
    pub fn best(&self, proof: &Proof) -> Work {
        let under = self.accept.iter().filter_map(|rule| proof.work(*rule));
        under.max().unwrap_or_default()
    }

    /// Whether an accepted rule uses this preimage.
    pub(crate) fn hashes(&self, preimage: Preimage) -> bool {
        self.accept.iter().any(|rule| rule.preimage == preimage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_has_16_bytes() {
        assert_eq!(size_of::<Proof>(), 16);
    }
}

//! The rules that a node uses.

use whisper_envelope::Envelope;

use crate::{Rule, Work, WorkError, work_with_ttl};

/// The rules that a node uses. The protocol does not negotiate them, so every node chooses its own.
///
/// The default seals under [`Rule::EIP_627`] and accepts work under that rule and under [`Rule::GETH_1_8`], so
/// that envelopes of both kinds of networks are accepted.
///
/// ```
/// use whisper_pow::{Policy, Rule};
///
/// let of_old = Policy { seal: Rule::GETH_1_8, ..Policy::default() };
/// assert_eq!(of_old.accept, [Rule::EIP_627, Rule::GETH_1_8]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The rule under which envelopes are sealed.
    pub seal: Rule,
    /// The rules under which work is accepted. Each costs one more hash of every received envelope. Should
    /// contain [`seal`](Self::seal). Without any, every envelope has no work.
    pub accept: Vec<Rule>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { seal: Rule::EIP_627, accept: vec![Rule::EIP_627, Rule::GETH_1_8] }
    }
}

impl Policy {
    /// The highest work of the envelope under any accepted rule.
    ///
    /// # Errors
    ///
    /// [`WorkError`].
    pub fn work(&self, envelope: &Envelope) -> Result<Work, WorkError> {
        self.work_with_ttl(envelope, envelope.ttl())
    }

    /// The same with a time to live of `ttl` seconds; see [`work_with_ttl`](crate::work_with_ttl).
    ///
    /// # Errors
    ///
    /// [`WorkError`], about the `ttl` given.
    pub fn work_with_ttl(&self, envelope: &Envelope, ttl: u32) -> Result<Work, WorkError> {
        if ttl == 0 {
            return Err(WorkError::ZeroTtl);
        }
        self.accept
            .iter()
            .try_fold(Work::ZERO, |most, &rule| Ok(most.max(work_with_ttl(rule, envelope, ttl)?)))
    }
}

//! Proof of work of a post: one envelope for each rule.

use std::{collections::HashSet, time::Duration};

use whisper_envelope::{Envelope, Unsealed};
use whisper_pow::{Miner, Rule, SealError, SealJob, Target, Task, Work, work};

use crate::{
    receipts::post::{Post, PostError},
    stats::{Counter, counters::Counters},
};

/// One envelope of a post, as [`Receipt::envelopes`](crate::Receipt::envelopes) returns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostEnvelope {
    /// The rule that it was sealed under.
    pub rule: Rule,
    /// Its hash.
    pub hash: [u8; 32],
}

/// What to reach under each rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SealTarget {
    pub(crate) work: Work,
    pub(crate) within: Duration,
}

/// The hashes of the envelopes of one post, and the rules that were not met.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PostSeals {
    /// The hash under the first rule, by which the post is followed.
    pub(crate) first: PostEnvelope,
    pub(crate) others: Vec<PostEnvelope>,
    pub(crate) unmet: Vec<Rule>,
    /// The rules under which one of the envelopes has enough work although it was sealed under another.
    pub(crate) met: Vec<Rule>,
    /// What to reach under further rules; `None` if the post is not sealed again.
    pub(crate) target: Option<SealTarget>,
}

impl PostSeals {
    /// One envelope, and no further ones later.
    pub(crate) fn single(rule: Rule, hash: [u8; 32]) -> Self {
        let first = PostEnvelope { rule, hash };
        Self { first, others: Vec::new(), unmet: Vec::new(), met: Vec::new(), target: None }
    }

    /// Which of these rules were not tried. None if the post is not sealed again.
    pub(crate) fn missing(&self, rules: &[Rule]) -> Vec<Rule> {
        let mut tried: HashSet<Rule> = self.envelopes().map(|envelope| envelope.rule).collect();
        tried.extend(self.unmet.iter().chain(&self.met));
        let again = self.target.is_some();
        rules.iter().copied().filter(|rule| again && tried.insert(*rule)).collect()
    }

    /// All envelopes; the first one is that of the first rule.
    pub(crate) fn envelopes(&self) -> impl Iterator<Item = &PostEnvelope> {
        [&self.first].into_iter().chain(&self.others)
    }

    /// All hashes, in the order of the envelopes.
    pub(crate) fn hashes(&self) -> Vec<[u8; 32]> {
        self.envelopes().map(|envelope| envelope.hash).collect()
    }
}

/// The envelopes of one post: the same message under different nonces.
#[derive(Debug, Clone)]
pub(crate) struct SealedPost {
    /// The envelope under the first rule.
    pub(crate) first: (Rule, Envelope),
    /// The envelopes under further rules.
    pub(crate) others: Vec<(Rule, Envelope)>,
    /// The rules that were not met in time.
    unmet: Vec<Rule>,
    /// The rules that were met without an envelope of their own.
    met: Vec<Rule>,
    target: Option<SealTarget>,
}

impl SealedPost {
    fn of(rule: Rule, envelope: Envelope, target: Option<SealTarget>) -> Self {
        let (others, unmet, met) = (Vec::new(), Vec::new(), Vec::new());
        Self { first: (rule, envelope), others, unmet, met, target }
    }

    /// The hashes of the envelopes.
    pub(crate) fn seals(&self) -> PostSeals {
        let seal = |(rule, envelope): &(Rule, Envelope)| PostEnvelope {
            rule: *rule,
            hash: *envelope.hash(),
        };
        PostSeals {
            first: seal(&self.first),
            others: self.others.iter().map(seal).collect(),
            unmet: self.unmet.clone(),
            met: self.met.clone(),
            target: self.target,
        }
    }

    /// Whether one of the envelopes has at least this much work under a rule.
    fn has_work(&self, rule: Rule, enough: Work) -> bool {
        let mut envelopes = self.others.iter().chain([&self.first]);
        envelopes.any(|(_, envelope)| work(rule, envelope).is_ok_and(|work| work >= enough))
    }
}

impl Post {
    /// Does the proof of work under each of the rules; the first is mandatory. Dropping the future stops it.
    pub(crate) async fn seal(
        &self,
        unsealed: &Unsealed,
        first: Rule,
        others: &[Rule],
        miner: &Miner,
        counters: &Counters,
    ) -> Result<SealedPost, PostError> {
        if self.pow_target == 0.0 {
            return Ok(SealedPost::of(first, unsealed.seal(0), None));
        }
        let (target, within) = self.target(others.len())?;
        let again = match target {
            Target::AtLeast(work) => Some(SealTarget { work, within }),
            Target::Best => None,
        };
        let search = async |rule| {
            let job = SealJob::new(Task::new(rule, unsealed)?, target, within);
            miner.seal_job(job.client(self.client)).await
        };
        let mut post = match search(first).await {
            Ok(sealed) => SealedPost::of(first, sealed.envelope, again),
            Err(SealError::OutOfTime { .. }) => {
                return Err(PostError::PowTimeTooShort(self.pow_time));
            }
            Err(error) => return Err(PostError::Seal(error)),
        };
        for rule in others {
            if again.is_some_and(|again| post.has_work(*rule, again.work)) {
                post.met.push(*rule);
                continue;
            }
            match search(*rule).await {
                Ok(sealed) => post.others.push((*rule, sealed.envelope)),
                Err(_) => post.unmet.push(*rule),
            }
        }
        if !post.unmet.is_empty() {
            counters.one(Counter::WorkSealedForOne);
        } else if !others.is_empty() {
            counters.one(Counter::WorkSealedForAll);
        }
        Ok(post)
    }

    /// The work to reach under each rule, and the time for that. `others`: number of further rules.
    fn target(&self, others: usize) -> Result<(Target, Duration), PostError> {
        if self.pow_target < 0.0 {
            let rules = u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1);
            return Ok((Target::Best, self.pow_time / rules));
        }
        let work = Work::new(self.pow_target).ok_or(PostError::InvalidPow(self.pow_target))?;
        Ok((Target::AtLeast(work), self.pow_time))
    }
}

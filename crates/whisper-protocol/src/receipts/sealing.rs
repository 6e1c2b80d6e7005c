//! Proof of work of a post: one envelope for each rule.

use std::time::Duration;

use p2p_world::HashSet;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};
use whisper_envelope::{Envelope, Unsealed};
use whisper_pow::{Miner, Rule, SealError, SealJob, Sealed, Target, Task, Work, work};

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

/// The search for a nonce gives the envelope a new time stamp whenever it took this long. A nonce is as likely to be found
/// in the next second as in the one before, so nothing is lost.
const STAMP_TIME: Duration = Duration::from_secs(1);

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
    ///
    /// The time to live begins when the work under the first rule is done. `now`: the time in seconds since 1970.
    pub(crate) async fn seal(
        &self,
        unsealed: Unsealed,
        first: Rule,
        others: &[Rule],
        miner: &Miner,
        counters: &Counters,
        now: impl Fn() -> u32,
    ) -> Result<SealedPost, PostError> {
        if self.pow_target == 0.0 {
            return Ok(SealedPost::of(first, unsealed.seal(0), None));
        }
        let (target, within) = self.target(others.len())?;
        let again = match target {
            Target::AtLeast(work) => Some(SealTarget { work, within }),
            Target::Best => None,
        };
        let client = self.client;
        let search = |rule, unsealed: &Unsealed, within| {
            let job = Task::new(rule, unsealed).map(|task| SealJob::new(task, target, within));
            async move { miner.seal_job(job?.client(client)).await }
        };
        let search_first = |unsealed: &Unsealed, within| search(first, unsealed, within);
        let work_time = &counters.timings.proof_of_work;
        let start = Instant::now();
        let found = stamped(unsealed, target, within, now, search_first);
        let found = found.instrument(span(first)).await;
        work_time.record(start.elapsed());
        let mut post = match found {
            Ok(sealed) => SealedPost::of(first, sealed.envelope, again),
            Err(SealError::OutOfTime { .. }) => {
                return Err(PostError::PowTimeTooShort(self.pow_time));
            }
            Err(error) => return Err(PostError::Seal(error)),
        };
        let unsealed = post.first.1.unsealed().clone();
        for rule in others {
            if again.is_some_and(|again| post.has_work(*rule, again.work)) {
                post.met.push(*rule);
                continue;
            }
            let start = Instant::now();
            let found = search(*rule, &unsealed, within).instrument(span(*rule)).await;
            work_time.record(start.elapsed());
            match found {
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

/// The span of the search under a rule.
fn span(rule: Rule) -> Span {
    tracing::debug_span!("seal", rule = ?rule)
}

/// Searches in steps of [`STAMP_TIME`], each with a new time stamp. The best nonce within a time is searched in one step.
async fn stamped<F: Future<Output = Result<Sealed, SealError>>>(
    mut unsealed: Unsealed,
    target: Target,
    within: Duration,
    now: impl Fn() -> u32,
    search: impl Fn(&Unsealed, Duration) -> F,
) -> Result<Sealed, SealError> {
    if target == Target::Best {
        return search(&unsealed, within).await;
    }
    let mut left = within;
    loop {
        let step = left.min(STAMP_TIME);
        let found = search(&unsealed, step).await;
        left -= step;
        if left.is_zero() || !matches!(found, Err(SealError::OutOfTime { .. })) {
            return found;
        }
        unsealed = unsealed.sent_at(now());
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::future::ready;

    use futures_util::FutureExt;
    use whisper_envelope::Topic;

    use super::*;

    const TARGET: Target = Target::AtLeast(Work::ZERO);

    fn out_of_time() -> SealError {
        SealError::OutOfTime { best: Work::ZERO, hashes: 0 }
    }

    #[test]
    fn the_time_stamp_is_that_of_the_step_that_found_the_nonce() {
        let (clock, steps) = (Cell::new(1000), RefCell::new(Vec::new()));
        let search = |unsealed: &Unsealed, step| {
            steps.borrow_mut().push((unsealed.sent(), step));
            clock.set(clock.get() + 5);
            ready(match steps.borrow().len() {
                3 => Ok(Sealed { envelope: unsealed.seal(7), work: Work::ZERO, hashes: 1 }),
                _ => Err(out_of_time()),
            })
        };
        let unsealed = Unsealed::v6(1050, 50, Topic(*b"test"), &[0; 64]);
        let within = Duration::from_millis(2500);
        let sealed = stamped(unsealed, TARGET, within, || clock.get(), search);
        let sealed = sealed.now_or_never().unwrap().unwrap();
        let last = Duration::from_millis(500);
        let times = [(Some(1000), STAMP_TIME), (Some(1005), STAMP_TIME), (Some(1010), last)];
        assert_eq!(*steps.borrow(), times);
        assert_eq!(sealed.envelope.expiry(), 1060);
    }

    #[test]
    fn the_steps_together_take_the_time_of_the_post() {
        let steps = Cell::new(0);
        let search = |_: &Unsealed, _| {
            steps.set(steps.get() + 1);
            ready(Err(out_of_time()))
        };
        let unsealed = Unsealed::v6(1050, 50, Topic(*b"test"), &[0; 64]);
        let within = Duration::from_secs(4);
        let searched = stamped(unsealed, TARGET, within, || 0, search).now_or_never();
        assert!(matches!(searched, Some(Err(SealError::OutOfTime { .. }))));
        assert_eq!(steps.get(), 4);
    }
}

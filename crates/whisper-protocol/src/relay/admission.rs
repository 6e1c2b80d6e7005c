//! Which envelopes this node takes: time windows, size, bloom, work; and the tolerance after a
//! change of these.
//!
//! The rules are go-ethereum's, which every Whisper node follows, but for what happens to the peer:
//! go-ethereum cuts the connection for most of them. Here an envelope that is refused is refused
//! and counted, and the peer stays:
//!
//! - a skewed clock is the operator's mistake, not an attack, and cutting him off does not set his
//!   clock;
//! - go-ethereum 1.8 and 1.9 compute work by different rules and nothing on the wire says which, so
//!   "too little work" is often a misunderstanding; two honest nodes would cut each other off for
//!   ever.
//!
//! What a peer gains by sending refused envelopes is that this node spends a hash or two on each,
//! which is less than the bytes cost him.

use whisper_envelope::{Bloom, Dialect, Envelope};
use whisper_pow::{Policy, Proof, Work, WorkError};

use crate::{
    delivery::interest::TopicCount,
    settings::{MAX_MESSAGE_SIZE, Settings},
    wire::{Kind, Wire},
};

/// How far ahead of this node's clock an envelope may have been sent, and how long the old
/// requirement is still accepted after a change, in seconds (go-ethereum's `SyncAllowance`).
pub const SYNC_ALLOWANCE: u32 = 10;

/// Why an envelope was not taken into the pool. Each has a counter in
/// [`RejectedStats`](crate::RejectedStats).
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// A time to live of zero makes the work infinite: it divides by it.
    #[error("time to live is zero")]
    ZeroTtl,
    /// The envelope would have been sent before 1970.
    #[error("time to live is longer than the time until expiry since 1970")]
    TtlBeyondExpiry,
    /// Sent more than [`SYNC_ALLOWANCE`] seconds after this node's present. What a peer sends and is
    /// not more than ten minutes ahead is kept, and taken when its time comes.
    #[error("sent {ahead} s from now")]
    FromTheFuture {
        /// Seconds by which it is ahead.
        ahead: u32,
    },
    /// Expired at most twice the [`SYNC_ALLOWANCE`] ago: happens to the honest.
    #[error("expired")]
    Expired,
    /// Expired longer ago than that: the sender's clock or this node's is wrong, or somebody
    /// replays.
    #[error("expired long ago")]
    VeryOld,
    /// Larger than [`Settings::max_message_size`].
    #[error("{size} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Its size as go-ethereum counts it: 20 and its data.
        size: usize,
        /// The node's limit.
        limit: u32,
    },
    /// Less work than required, under each of the accepted rules.
    #[error("work {work} is below {required}")]
    LowWork {
        /// The most that one of the rules finds.
        work: Work,
        /// What the node requires.
        required: Work,
    },
    /// Its topic is none that the node asked for.
    #[error("topic is outside the node's bloom")]
    OutsideBloom,
    /// The pool is full of envelopes with at least as much work.
    #[error("pool is full of envelopes with more work")]
    PoolFull,
}

/// What [`Whisper::inject`](crate::Whisper::inject) made of an envelope.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// It was taken into the pool, is on its way to the peers and, where a filter may match, to be
    /// opened.
    New,
    /// It is in the pool already.
    Known,
    /// It was refused.
    Rejected(Rejection),
}

/// Who brought an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This node: the bloom does not apply, for it says what the node wants to be sent, not what it
    /// may send.
    Local,
    /// A peer.
    Remote,
}

/// The proof of work of an envelope that is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Proven {
    /// The most that one of the accepted rules finds.
    pub(crate) work: Work,
    /// From which the work under each rule can be told.
    pub(crate) proof: Proof,
}

/// A value that was changed lately: peers that have not heard of it yet go by the one before.
#[derive(Debug, Clone, Copy)]
struct Tolerant<T> {
    value: T,
    /// The loosest of the values that were in force within the tolerance.
    before: T,
    until: u32,
}

impl<T: Copy> Tolerant<T> {
    fn new(value: T) -> Self {
        Self { value, before: value, until: 0 }
    }

    fn set(&mut self, now: u32, value: T, loosest: impl Fn(T, T) -> T) {
        self.before = self.accepted(now, loosest);
        self.value = value;
        self.until = now.saturating_add(SYNC_ALLOWANCE);
    }

    fn accepted(&self, now: u32, loosest: impl Fn(T, T) -> T) -> T {
        if now <= self.until { loosest(self.value, self.before) } else { self.value }
    }
}

/// What the node requires of envelopes now.
#[derive(Debug, Clone)]
pub(crate) struct Requirements {
    min_work: Tolerant<Work>,
    bloom: Tolerant<Bloom>,
    max_message_size: u32,
    /// Whether the dialect has words for topics.
    has_blooms: bool,
}

impl Requirements {
    /// What the settings require of envelopes of this dialect. Of topics everything is wanted where
    /// the dialect has no words to say otherwise.
    pub(crate) fn new(dialect: Dialect, settings: &Settings) -> Self {
        let has_blooms = Wire::of(dialect).code(Kind::Bloom).is_some();
        let bloom = settings.interest.bloom(&TopicCount::default());
        Self {
            min_work: Tolerant::new(settings.required_work()),
            bloom: Tolerant::new(if has_blooms { bloom } else { Bloom::FULL }),
            max_message_size: settings.max_message_size.min(MAX_MESSAGE_SIZE),
            has_blooms,
        }
    }

    pub(crate) fn min_work(&self) -> Work {
        self.min_work.value
    }

    pub(crate) fn bloom(&self) -> &Bloom {
        &self.bloom.value
    }

    pub(crate) fn max_message_size(&self) -> u32 {
        self.max_message_size
    }

    pub(crate) fn set_min_work(&mut self, now: u32, min_work: Work) {
        self.min_work.set(now, min_work, Work::min);
    }

    /// Changes nothing where peers cannot be told.
    pub(crate) fn set_bloom(&mut self, now: u32, bloom: Bloom) {
        if self.has_blooms {
            self.bloom.set(now, bloom, Bloom::union);
        }
    }

    pub(crate) fn set_max_message_size(&mut self, size: u32) {
        self.max_message_size = size;
    }

    /// All checks but the pool's own, of many envelopes: the cheap ones first, then the work of what
    /// is left, all hashed side by side.
    pub(crate) fn check(
        &self,
        now: u32,
        policy: &Policy,
        envelopes: &[&Envelope],
        origin: Origin,
    ) -> Vec<Result<Proven, Rejection>> {
        let required = self.min_work.accepted(now, Work::min);
        let lives = envelopes.iter().map(|envelope| self.check_fields(now, envelope, origin));
        let lives: Vec<Result<u32, Rejection>> = lives.collect();
        let acceptable = envelopes.iter().zip(&lives);
        let acceptable: Vec<(&Envelope, u32)> =
            acceptable.filter_map(|(envelope, ttl)| Some((*envelope, ttl.ok()?))).collect();
        let mut proofs = policy.proofs(&acceptable).into_iter();
        let mut check_work = || {
            let proof = proofs.next().ok_or(Rejection::ZeroTtl)?;
            let proof = proof.map_err(|WorkError::ZeroTtl| Rejection::ZeroTtl)?;
            let work = policy.best(&proof);
            let enough = work >= required;
            if enough {
                Ok(Proven { work, proof })
            } else {
                Err(Rejection::LowWork { work, required })
            }
        };
        lives.into_iter().map(|ttl| ttl.and_then(|_| check_work())).collect()
    }

    /// The checks that need no hash. Returns the time to live that the work is to be computed with.
    fn check_fields(
        &self,
        now: u32,
        envelope: &Envelope,
        origin: Origin,
    ) -> Result<u32, Rejection> {
        let ttl = check_time(now, envelope)?;
        self.check_size(envelope)?;
        if origin == Origin::Remote {
            self.check_bloom(now, envelope)?;
        }
        Ok(ttl)
    }

    /// The limit on size alone, which direct messages have to keep as well.
    pub(crate) fn check_size(&self, envelope: &Envelope) -> Result<(), Rejection> {
        let size = envelope.size();
        if size as u64 > u64::from(self.max_message_size) {
            return Err(Rejection::TooLarge { size, limit: self.max_message_size });
        }
        Ok(())
    }

    /// The envelope's bloom is taken in go-ethereum's form, whose bits are a subset of the correct
    /// one's: a peer that computes it that way must not be refused what it rightly sent.
    fn check_bloom(&self, now: u32, envelope: &Envelope) -> Result<(), Rejection> {
        let accepted = self.bloom.accepted(now, Bloom::union);
        if accepted.contains(&Bloom::of_overwriting(envelope.topic())) {
            Ok(())
        } else {
            Err(Rejection::OutsideBloom)
        }
    }
}

/// Checks the time windows and returns the time to live that the work is to be computed with: that
/// of an envelope slightly from the future is prolonged by what it is ahead, so that dating ahead
/// does not save work.
fn check_time(now: u32, envelope: &Envelope) -> Result<u32, Rejection> {
    if envelope.ttl() == 0 {
        return Err(Rejection::ZeroTtl);
    }
    let sent = envelope.sent().ok_or(Rejection::TtlBeyondExpiry)?;
    let ahead = sent.saturating_sub(now);
    if ahead > SYNC_ALLOWANCE {
        return Err(Rejection::FromTheFuture { ahead });
    }
    if envelope.expiry() < now {
        let late = now - envelope.expiry();
        return Err(if late > 2 * SYNC_ALLOWANCE {
            Rejection::VeryOld
        } else {
            Rejection::Expired
        });
    }
    let early = if ahead > 0 { ahead + 1 } else { 0 };
    Ok(envelope.ttl().saturating_add(early))
}

#[cfg(test)]
mod tests;

//! Which envelopes the node admits: by time window, size, bloom and work; and the tolerance after one of these
//! requirements has changed.
//!
//! The requirements are go-ethereum's, which every Whisper node applies. The consequence for the peer differs:
//! go-ethereum disconnects it in most cases. Here the envelope is rejected and counted, and the peer stays, because
//!
//! - a wrong clock is a mistake of an operator, not an attack, and disconnecting does not set the clock;
//! - go-ethereum 1.8 and 1.9 compute work by different rules, and nothing on the wire says which one applies. "Too
//!   little work" is often a misunderstanding, and two honest nodes would disconnect each other again and again.
//!
//! A peer that sends rejected envelopes makes this node compute a hash or two for each. The bytes cost the peer more.

use whisper_envelope::{Bloom, Dialect, Envelope};
use whisper_pow::{Policy, Proof, Work, WorkError};

use crate::{
    config::{Config, MAX_MESSAGE_SIZE},
    delivery::interest::TopicCount,
    relay::reject_reason::RejectReason,
    wire::{PacketKind, Wire},
};

/// How far in the future an envelope may have been sent, and how long the old requirement is still accepted after a
/// change, in seconds (go-ethereum's `SyncAllowance`).
pub const SYNC_ALLOWANCE: u32 = 10;

/// What became of an envelope on its arrival.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EnvelopeOutcome {
    /// It was admitted to the pool, and queued for the peers and, if a filter may match it, for opening.
    New,
    /// It is already in the pool.
    Known,
    /// It was not admitted.
    Rejected(RejectReason),
}

/// Whether an envelope was made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Made here. The bloom does not apply: it says what the node wants to receive, not what it may send.
    Local,
    /// Sent by a peer.
    Remote,
}

/// The proof of work of an envelope that has enough of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Proven {
    /// The highest work under any accepted rule.
    pub(crate) work: Work,
    /// The work under each rule can be computed from this.
    pub(crate) proof: Proof,
}

/// A requirement, and the value before its last change: peers that were not yet told apply the old one.
#[derive(Debug, Clone, Copy)]
struct Tolerant<T> {
    value: T,
    /// The loosest value that was in force within the tolerance.
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

/// What the node currently requires of envelopes.
#[derive(Debug, Clone)]
pub(crate) struct Requirements {
    min_work: Tolerant<Work>,
    bloom: Tolerant<Bloom>,
    max_message_size: u32,
    /// Whether the dialect has a packet for blooms.
    has_blooms: bool,
}

impl Requirements {
    /// The requirements for envelopes of this dialect. If the dialect has no packet for blooms, all topics are wanted.
    pub(crate) fn new(dialect: Dialect, config: &Config) -> Self {
        let has_blooms = Wire::of(dialect).code(PacketKind::Bloom).is_some();
        let bloom = config.interest.bloom(&TopicCount::default());
        Self {
            min_work: Tolerant::new(config.min_work),
            bloom: Tolerant::new(if has_blooms { bloom } else { Bloom::FULL }),
            max_message_size: config.max_message_size.min(MAX_MESSAGE_SIZE),
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

    /// Has no effect if the dialect has no packet to tell the peers.
    pub(crate) fn set_bloom(&mut self, now: u32, bloom: Bloom) {
        if self.has_blooms {
            self.bloom.set(now, bloom, Bloom::union);
        }
    }

    pub(crate) fn set_max_message_size(&mut self, size: u32) {
        self.max_message_size = size;
    }

    /// All checks except the pool's own, for many envelopes: the cheap ones first, then the work of the rest, hashed
    /// side by side.
    pub(crate) fn check(
        &self,
        now: u32,
        policy: &Policy,
        envelopes: &[Envelope],
        origin: Origin,
    ) -> Vec<Result<Proven, RejectReason>> {
        let required = self.min_work.accepted(now, Work::min);
        let lives = envelopes.iter().map(|envelope| self.check_fields(now, envelope, origin));
        let lives: Vec<Result<u32, RejectReason>> = lives.collect();
        let acceptable = envelopes.iter().zip(&lives);
        let acceptable: Vec<(&Envelope, u32)> =
            acceptable.filter_map(|(envelope, ttl)| Some((envelope, ttl.ok()?))).collect();
        let mut proofs = policy.proofs(&acceptable).into_iter();
        let mut check_work = || {
            let proof = proofs.next().ok_or(RejectReason::ZeroTtl)?;
            let proof = proof.map_err(|WorkError::ZeroTtl| RejectReason::ZeroTtl)?;
            let work = policy.best(&proof);
            let enough = work >= required;
            if enough {
                Ok(Proven { work, proof })
            } else {
                Err(RejectReason::LowWork { work, required })
            }
        };
        lives.into_iter().map(|ttl| ttl.and_then(|_| check_work())).collect()
    }

    /// The checks that need no hash. Returns the time to live to compute the work with.
    fn check_fields(
        &self,
        now: u32,
        envelope: &Envelope,
        origin: Origin,
    ) -> Result<u32, RejectReason> {
        let ttl = check_time(now, envelope)?;
        self.check_size(envelope)?;
        if origin == Origin::Remote {
            self.check_bloom(now, envelope)?;
        }
        Ok(ttl)
    }

    /// The size limit alone. It applies to direct messages as well.
    pub(crate) fn check_size(&self, envelope: &Envelope) -> Result<(), RejectReason> {
        let size = envelope.size();
        if size as u64 > u64::from(self.max_message_size) {
            return Err(RejectReason::TooLarge { size, limit: self.max_message_size });
        }
        Ok(())
    }

    /// Uses the envelope's bloom in go-ethereum's form. Its bits are a subset of the correct form's, so envelopes of
    /// peers that compute it either way pass.
    fn check_bloom(&self, now: u32, envelope: &Envelope) -> Result<(), RejectReason> {
        let accepted = self.bloom.accepted(now, Bloom::union);
        if accepted.matches(envelope.topic()) { Ok(()) } else { Err(RejectReason::OutsideBloom) }
    }
}

/// Checks the time windows. Returns the time to live to compute the work with: for an envelope slightly in the future
/// it is extended by that difference, so that a later date does not save work.
fn check_time(now: u32, envelope: &Envelope) -> Result<u32, RejectReason> {
    if envelope.ttl() == 0 {
        return Err(RejectReason::ZeroTtl);
    }
    let sent = envelope.sent().ok_or(RejectReason::TtlBeyondExpiry)?;
    let ahead = sent.saturating_sub(now);
    if ahead > SYNC_ALLOWANCE {
        return Err(RejectReason::FromTheFuture { ahead });
    }
    if envelope.expiry() < now {
        let late = now - envelope.expiry();
        return Err(if late > 2 * SYNC_ALLOWANCE {
            RejectReason::VeryOld
        } else {
            RejectReason::Expired
        });
    }
    let early = if ahead > 0 { ahead + 1 } else { 0 };
    Ok(envelope.ttl().saturating_add(early))
}

#[cfg(test)]
mod tests;

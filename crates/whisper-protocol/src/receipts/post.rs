//! A message to be posted, and the way from its payload to a sealed envelope.

use std::{fmt, time::Duration};

use p2p_identity::{NodeId, PublicKey, SecretKey};
use whisper_envelope::{
    Dialect, Draft, DraftError, Envelope, Padding, SymmetricKey, Topic, Unsealed,
};
use whisper_pow::{Miner, Rule, SealError, SealJob, Target, Task, Work};

use crate::{
    historic::DirectError, keys::Keys, keys::id::KeyId, relay::admission::Rejection,
    stats::WorkCounters,
};

/// Who shall be able to read a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// All who have this symmetric key of [`Keys`].
    Symmetric(KeyId),
    /// The one who has the private key of this.
    Asymmetric(PublicKey),
}

/// A message to be posted.
///
/// ```
/// use whisper_protocol::{Post, Recipient, Topic};
/// # let keys = whisper_protocol::Keys::default();
/// let post = Post {
///     topic: Topic(*b"chat"),
///     payload: b"hello".to_vec(),
///     pow_target: 0.5,
///     ..Post::new(Recipient::Symmetric(keys.new_symmetric()))
/// };
/// assert_eq!(post.ttl, 50);
/// ```
#[derive(Clone, PartialEq)]
pub struct Post {
    /// Which nodes it is for: an envelope stays in its dialect. Default shh/6.
    pub dialect: Dialect,
    /// Who shall be able to read it.
    pub to: Recipient,
    /// The key pair that signs it; default none.
    pub sign: Option<KeyId>,
    /// What it is about. Not all zeros with a symmetric key; the default is all zeros.
    pub topic: Topic,
    /// How many seconds it lives; 0 stands for the default, 50.
    pub ttl: u32,
    /// What it says.
    pub payload: Vec<u8>,
    /// What hides the length of the payload; `None`, the default: random bytes up to a multiple of
    /// 256.
    pub padding: Option<Vec<u8>>,
    /// The work to be done. At least what the node requires
    /// ([`Settings::min_work`](crate::Settings::min_work)), unless it goes to a
    /// [`target_peer`](Self::target_peer). 0 means none at all; below 0: as much as can be done in
    /// [`pow_time`](Self::pow_time). Default 0.2.
    pub pow_target: f64,
    /// How long the proof of work may take; half as long again where peers go by different rules
    /// ([`Sealing`](crate::Sealing)). Default 5 s.
    pub pow_time: Duration,
    /// Send it to this peer alone, as a direct message, which the peer takes only if it trusts this
    /// node. It is not pooled, not relayed and not delivered here.
    pub target_peer: Option<NodeId>,
}

impl Post {
    /// An empty message to `to`, with the defaults given with each field.
    #[must_use]
    pub fn new(to: Recipient) -> Self {
        Self {
            dialect: Dialect::V6,
            to,
            sign: None,
            topic: Topic([0; 4]),
            ttl: Draft::DEFAULT_TTL,
            payload: Vec::new(),
            padding: None,
            pow_target: 0.2,
            pow_time: Duration::from_secs(5),
            target_peer: None,
        }
    }
}

/// Not what it says: messages are private.
impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post")
            .field("dialect", &self.dialect)
            .field("to", &self.to)
            .field("topic", &self.topic)
            .field("ttl", &self.ttl)
            .field("payload_len", &self.payload.len())
            .field("pow_target", &self.pow_target)
            .field("target_peer", &self.target_peer)
            .finish_non_exhaustive()
    }
}

/// A message was not posted. Where go-ethereum has a text for it, it is that text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// There is no symmetric key of the name given.
    #[error("non-existent key ID")]
    NoSuchSymmetricKey,
    /// There is no key pair of the name given to sign with.
    #[error("invalid id")]
    NoSuchSigningKey,
    /// A symmetric message needs a topic that is not all zeros: its readers find it by that.
    #[error("missing topic(s)")]
    NoTopic,
    /// The message cannot be made into an envelope.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The envelope is larger than the node's limit. Found out before any work is done; the hash is
    /// that of the envelope without work.
    #[error("huge messages are not allowed [{}]", hex::encode(.hash))]
    TooLarge {
        /// What the envelope would be called.
        hash: [u8; 32],
    },
    /// The work asked for is less than what the node itself takes, and the message is for
    /// everybody.
    #[error("message rejected, PoW too low")]
    PowTooLow,
    /// The work asked for is no number.
    #[error("invalid PoW: {0}")]
    InvalidPow(f64),
    /// The work asked for was not reached in time.
    #[error(
        "failed to reach the PoW target, specified pow time ({} seconds) was insufficient",
        .0.as_secs()
    )]
    PowTimeTooShort(Duration),
    /// The search for the proof of work could not be made.
    #[error("failed to seal the message: {0}")]
    Seal(SealError),
    /// The target peer is not connected, or its connection ended.
    #[error("Could not find peer with ID: {0}")]
    NoSuchPeer(NodeId),
    /// The target peer is connected and speaks another dialect.
    #[error("peer with ID {id} does not speak shh/{}", .dialect.version())]
    OtherDialect {
        /// The peer.
        id: NodeId,
        /// The dialect of the message.
        dialect: Dialect,
    },
    /// The node does not take its own envelope.
    #[error("failed to add envelope: {0}")]
    Rejected(Rejection),
}

impl From<DirectError> for PostError {
    fn from(error: DirectError) -> Self {
        match error {
            DirectError::NoSuchPeer(id) => Self::NoSuchPeer(id),
            DirectError::OtherDialect { id, dialect } => Self::OtherDialect { id, dialect },
        }
    }
}

/// A [`Post`] with its keys looked up.
struct Secrets {
    to: ToKey,
    sign: Option<SecretKey>,
}

enum ToKey {
    Symmetric(SymmetricKey),
    Asymmetric(PublicKey),
}

impl Secrets {
    /// In go-ethereum's order, so that of several mistakes the same one is reported.
    fn find(post: &Post, keys: &Keys) -> Result<Self, PostError> {
        let sign = match &post.sign {
            Some(id) => Some(keys.private_key(id).ok_or(PostError::NoSuchSigningKey)?),
            None => None,
        };
        let to = match &post.to {
            Recipient::Asymmetric(key) => ToKey::Asymmetric(*key),
            Recipient::Symmetric(_) if post.topic == Topic([0; 4]) => {
                return Err(PostError::NoTopic);
            }
            Recipient::Symmetric(id) => {
                ToKey::Symmetric(keys.symmetric(id).ok_or(PostError::NoSuchSymmetricKey)?)
            }
        };
        Ok(Self { to, sign })
    }
}

impl Post {
    /// Checks the message and encrypts it. `now` in seconds since 1970.
    pub(crate) fn encrypt(&self, now: u32, keys: &Keys) -> Result<Unsealed, PostError> {
        if !self.pow_target.is_finite() {
            return Err(PostError::InvalidPow(self.pow_target));
        }
        let secrets = Secrets::find(self, keys)?;
        let to = match &secrets.to {
            ToKey::Symmetric(key) => whisper_envelope::Recipient::Symmetric(key),
            ToKey::Asymmetric(key) => whisper_envelope::Recipient::Asymmetric(key),
        };
        let ttl = if self.ttl == 0 { Draft::DEFAULT_TTL } else { self.ttl };
        let mut draft = Draft::new(self.dialect, to, self.sent(now))
            .ttl(ttl)
            .topic(self.topic)
            .payload(&self.payload);
        if let Some(padding) = &self.padding {
            draft = draft.padding(Padding::Explicit(padding));
        }
        if let Some(key) = &secrets.sign {
            draft = draft.sign(key);
        }
        Ok(draft.encrypt(&mut rand::rng())?)
    }

    /// Does the work, under all of the rules if half of the time suffices for that, else under the
    /// first of them. Dropping the future stops it.
    pub(crate) async fn seal(
        &self,
        unsealed: Unsealed,
        rules: &[Rule],
        miner: &Miner,
        counters: &WorkCounters,
    ) -> Result<Envelope, PostError> {
        let target = if self.pow_target == 0.0 {
            return Ok(unsealed.seal(0));
        } else if self.pow_target < 0.0 {
            Target::Best
        } else {
            Target::AtLeast(
                Work::new(self.pow_target).ok_or(PostError::InvalidPow(self.pow_target))?,
            )
        };
        let Some((rule, others)) = rules.split_first() else { return Ok(unsealed.seal(0)) };
        let task = Task::new(*rule, &unsealed).map_err(|error| PostError::Seal(error.into()))?;
        if !others.is_empty() && target != Target::Best {
            let all = others.iter().fold(task.clone(), |task, rule| task.and(*rule));
            match miner.seal_job(SealJob::new(all, target, self.pow_time / 2)).await {
                Ok(sealed) => {
                    counters.sealed_for_all.one();
                    return Ok(sealed.envelope);
                }
                Err(_) => counters.sealed_for_one.one(),
            }
        }
        match miner.seal_job(SealJob::new(task, target, self.pow_time)).await {
            Ok(sealed) => Ok(sealed.envelope),
            Err(SealError::OutOfTime { .. }) => Err(PostError::PowTimeTooShort(self.pow_time)),
            Err(error) => Err(PostError::Seal(error)),
        }
    }

    /// Where all of the time for the work will be used, its end is when the message is sent.
    fn sent(&self, now: u32) -> u32 {
        let ahead = if self.pow_target < 0.0 { self.pow_time.as_secs() } else { 0 };
        now.saturating_add(u32::try_from(ahead).unwrap_or(u32::MAX))
    }
}

//! A message to post: encrypting and sealing it.

use std::{fmt, time::Duration};

use p2p_identity::{NodeId, PublicKey, SecretKey};
use rand::CryptoRng;
use whisper_envelope::{Dialect, Draft, DraftError, Padding, SymmetricKey, Topic, Unsealed};
use whisper_pow::{Client, SealError, Work};

use crate::{
    keys::Keys, keys::id::KeyId, peers::direct::DirectError, relay::reject_reason::RejectReason,
};

/// Who can read a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// The holders of this symmetric key of [`Keys`].
    Symmetric(KeyId),
    /// The holder of the private key of this public key.
    Asymmetric(PublicKey),
}

/// A message to post.
///
/// ```
/// use whisper_protocol::{Post, Recipient, Topic};
/// # let keys = whisper_protocol::Keys::new(&mut rand::rng());
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
    /// The dialect, and thus the nodes, that the message is for. Default shh/6.
    pub dialect: Dialect,
    /// Who can read it.
    pub to: Recipient,
    /// The key pair to sign with; default none.
    pub sign: Option<KeyId>,
    /// The topic. With a symmetric key it must not be all zeros, which is the default.
    pub topic: Topic,
    /// Time to live in seconds; 0 means the default, 50.
    pub ttl: u32,
    /// The content.
    pub payload: Vec<u8>,
    /// Padding that hides the length of the payload. Default `None`: random bytes up to a multiple of 256.
    pub padding: Option<Vec<u8>>,
    /// The work to do. At least the node's own requirement ([`Config::min_work`](crate::Config::min_work)), unless there is
    /// a [`target_peer`](Self::target_peer). 0 means no work; below 0: as much as possible within
    /// [`pow_time`](Self::pow_time). Default 0.2.
    pub pow_target: f64,
    /// Maximum time for the proof of work under each rule that the post is sealed for ([`Sealing`](crate::Sealing)). With a
    /// [`pow_target`](Self::pow_target) below 0, the rules share it. With a target above 0, a time of 0 always fails, as in
    /// go-ethereum. Default 5 s.
    pub pow_time: Duration,
    /// Whose message it is. The proofs of work of several clients are done in turns. Default: one client for all.
    pub client: Client,
    /// If set: sends the message to this peer only, as a direct message. The peer accepts it if it trusts this node. The
    /// message is not pooled, not relayed and not delivered here.
    pub target_peer: Option<NodeId>,
}

impl Post {
    /// An empty message to `to`, with the defaults of the fields.
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
            client: Client::default(),
            target_peer: None,
        }
    }
}

/// Without the content: messages are private.
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

/// Why a message was not posted. Texts are go-ethereum's where it has one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// There is no symmetric key with this id.
    #[error("non-existent key ID")]
    NoSuchSymmetricKey,
    /// There is no key pair with the id to sign with.
    // The id is not shown: with it one can use the key, and errors are logged.
    #[error("invalid id: there is no key pair to sign with")]
    NoSuchSigningKey,
    /// The message has a symmetric key, but a topic of all zeros: readers find it by its topic.
    #[error("missing topic(s)")]
    NoTopic,
    /// The message cannot be made into an envelope.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The envelope is larger than the node's limit. This is checked before the proof of work.
    #[error("huge messages are not allowed [{}]", hex::encode(.hash))]
    TooLarge {
        /// The hash of the envelope without work.
        hash: [u8; 32],
    },
    /// The requested work is below the node's own requirement, and there is no target peer.
    #[error("message rejected, PoW too low (had {had}, needed {needed})")]
    PowTooLow {
        /// The requested work.
        had: f64,
        /// What the node requires.
        needed: Work,
    },
    /// The requested work is infinite or not a number.
    #[error("invalid PoW: {0:.6}")]
    InvalidPow(f64),
    /// The requested work was not reached in time. Always if there is no time.
    #[error(
        "failed to reach the PoW target, specified pow time ({} seconds) was insufficient",
        .0.as_secs()
    )]
    PowTimeTooShort(Duration),
    /// The proof of work failed.
    #[error("failed to seal the message")]
    Seal(#[source] SealError),
    /// The target peer is not connected, or its connection ended. The text has the hash of its id, as in go-ethereum.
    #[error("Could not find peer with ID: {}", hex::encode(.0.hash()))]
    NoSuchPeer(NodeId),
    /// The target peer speaks another dialect.
    #[error("peer with ID {} does not speak shh/{}", hex::encode(.id.hash()), .dialect.version())]
    OtherDialect {
        /// The peer.
        id: NodeId,
        /// The dialect of the message.
        dialect: Dialect,
    },
    /// The node's own pool rejected the envelope.
    #[error("failed to add envelope")]
    Rejected(#[source] RejectReason),
}

impl From<DirectError> for PostError {
    fn from(error: DirectError) -> Self {
        match error {
            DirectError::NoSuchPeer(id) => Self::NoSuchPeer(id),
            DirectError::OtherDialect { id, dialect } => Self::OtherDialect { id, dialect },
        }
    }
}

/// The keys of a [`Post`].
struct PostKeys {
    to: RecipientKey,
    sign: Option<SecretKey>,
}

enum RecipientKey {
    Symmetric(SymmetricKey),
    Asymmetric(PublicKey),
}

impl PostKeys {
    /// Looks the keys up in go-ethereum's order, so that of several mistakes the same one is reported.
    fn find(post: &Post, keys: &Keys) -> Result<Self, PostError> {
        let sign = match &post.sign {
            Some(id) => Some(keys.private_key(id).ok_or(PostError::NoSuchSigningKey)?),
            None => None,
        };
        let to = match &post.to {
            Recipient::Asymmetric(key) => RecipientKey::Asymmetric(*key),
            Recipient::Symmetric(_) if post.topic == Topic([0; 4]) => {
                return Err(PostError::NoTopic);
            }
            Recipient::Symmetric(id) => {
                RecipientKey::Symmetric(keys.symmetric(id).ok_or(PostError::NoSuchSymmetricKey)?)
            }
        };
        Ok(Self { to, sign })
    }
}

impl Post {
    /// Checks the message and encrypts it. `now` in seconds since 1970.
    pub(crate) fn encrypt<R: CryptoRng>(
        &self,
        now: u32,
        keys: &Keys,
        rng: &mut R,
    ) -> Result<Unsealed, PostError> {
        if !self.pow_target.is_finite() {
            return Err(PostError::InvalidPow(self.pow_target));
        }
        let post_keys = PostKeys::find(self, keys)?;
        let to = match &post_keys.to {
            RecipientKey::Symmetric(key) => whisper_envelope::Recipient::Symmetric(key),
            RecipientKey::Asymmetric(key) => whisper_envelope::Recipient::Asymmetric(key),
        };
        let ttl = if self.ttl == 0 { Draft::DEFAULT_TTL } else { self.ttl };
        let mut draft = Draft::new(self.dialect, to, self.sent(now))
            .ttl(ttl)
            .topic(self.topic)
            .payload(&self.payload);
        if let Some(padding) = &self.padding {
            draft = draft.padding(Padding::Explicit(padding));
        }
        if let Some(key) = &post_keys.sign {
            draft = draft.sign(key);
        }
        Ok(draft.encrypt(rng)?)
    }

    /// Checks the encrypted message against what the node requires, in go-ethereum's order.
    pub(crate) fn check(
        &self,
        unsealed: &Unsealed,
        max_size: u32,
        min_work: Work,
    ) -> Result<(), PostError> {
        if self.pow_target > 0.0 && self.pow_time.is_zero() {
            return Err(PostError::PowTimeTooShort(self.pow_time));
        }
        if unsealed.size() as u64 > u64::from(max_size) {
            return Err(PostError::TooLarge { hash: *unsealed.seal(0).hash() });
        }
        if self.target_peer.is_none() && self.pow_target < min_work.get() {
            return Err(PostError::PowTooLow { had: self.pow_target, needed: min_work });
        }
        Ok(())
    }

    /// The time of sending: the end of the proof of work if that will use all of its time.
    fn sent(&self, now: u32) -> u32 {
        let ahead = if self.pow_target < 0.0 { self.pow_time.as_secs() } else { 0 };
        now.saturating_add(u32::try_from(ahead).unwrap_or(u32::MAX))
    }
}

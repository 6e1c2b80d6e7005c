//! A filter: which messages an application wants.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use keccak_lanes::Keccak256;
use p2p_identity::{PublicKey, SecretKey};
use whisper_envelope::{Dialect, Envelope, Message, OpenError, PartialTopic, SymmetricKey, Topic};

use crate::{
    delivery::mailbox::Mailbox, delivery::received::Received, keys::Keys, keys::id::KeyId,
};

/// Which key a filter opens envelopes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterKey {
    /// A symmetric key of [`Keys`].
    Symmetric(KeyId),
    /// A key pair of [`Keys`].
    Private(KeyId),
}

/// What an application wants to receive. All criteria have to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterSpec {
    /// The key. The filter takes a copy: deleting the key later does not stop it.
    pub key: FilterKey,
    /// Only messages that are signed with this key.
    pub signer: Option<PublicKey>,
    /// Only envelopes whose topic begins with one of these; a whole [`Topic`] is one, too. Empty: of
    /// any topic, and every envelope of the network is tried.
    pub topics: Vec<PartialTopic>,
    /// Only envelopes of this dialect; `None`: of both.
    pub dialect: Option<Dialect>,
    /// Only envelopes with at least this work. Direct messages are measured as well: it is the work
    /// of whoever sealed the envelope, however long ago. (go-ethereum does not compute it for these,
    /// so that there a filter with a minimum never gets any.)
    pub min_work: f64,
    /// Whether direct messages of trusted peers are wanted, too.
    pub allow_p2p: bool,
}

impl FilterSpec {
    /// Everything that opens with this key.
    #[must_use]
    pub fn new(key: FilterKey) -> Self {
        Self {
            key,
            signer: None,
            topics: Vec::new(),
            dialect: None,
            min_work: 0.0,
            allow_p2p: false,
        }
    }

    /// Only envelopes of this topic, or of one that was named before.
    #[must_use]
    pub fn topic(mut self, topic: impl Into<PartialTopic>) -> Self {
        self.topics.push(topic.into());
        self
    }
}

/// A filter cannot be made. The texts are go-ethereum's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// There is no symmetric key of this name.
    #[error("non-existent key ID")]
    NoSuchSymmetricKey,
    /// There is no key pair of this name.
    #[error("invalid id")]
    NoSuchKeyPair,
}

/// The secret that opens envelopes.
enum Opener {
    Symmetric(SymmetricKey),
    /// Boxed with its public half, which is shown to the owner as the recipient.
    Private(Box<(SecretKey, PublicKey)>),
}

/// Tells keys apart without showing them.
pub(crate) type Fingerprint = [u8; 32];

impl Opener {
    fn new(key: FilterKey, keys: &Keys) -> Result<Self, FilterError> {
        match key {
            FilterKey::Symmetric(id) => {
                keys.symmetric(&id).map(Self::Symmetric).ok_or(FilterError::NoSuchSymmetricKey)
            }
            FilterKey::Private(id) => {
                let secret = keys.private_key(&id).ok_or(FilterError::NoSuchKeyPair)?;
                let public = secret.public_key();
                Ok(Self::Private(Box::new((secret, public))))
            }
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        let hash = Keccak256::new();
        match self {
            Self::Symmetric(key) => hash.chain(b"symmetric").chain(key.as_bytes()).finalize(),
            Self::Private(pair) => {
                hash.chain(b"private").chain(&pair.1.to_uncompressed()).finalize()
            }
        }
    }
}

/// What a trial with one key brought.
pub(crate) enum Opened {
    Message(Message),
    /// The key opened it, so it was made by somebody who has the key; but there is nonsense inside.
    Malformed,
    NotForUs,
}

/// A filter in use.
pub(crate) struct Filter {
    opener: Opener,
    fingerprint: Fingerprint,
    spec: FilterSpec,
    pub(crate) mailbox: Mailbox,
    /// When its messages were asked for last, in milliseconds of the node's life.
    asked: AtomicU64,
    /// When it was made, in seconds since 1970.
    made: u32,
}

impl Filter {
    pub(crate) fn new(
        spec: FilterSpec,
        keys: &Keys,
        mailbox: Mailbox,
    ) -> Result<Self, FilterError> {
        let opener = Opener::new(spec.key, keys)?;
        let fingerprint = opener.fingerprint();
        Ok(Self { fingerprint, opener, spec, mailbox, asked: AtomicU64::new(0), made: 0 })
    }

    /// Says when it was made.
    pub(crate) fn made_at(self, made: u32) -> Self {
        Self { made, ..self }
    }

    /// When it was made, in seconds since 1970.
    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The topics it is for, each once and none that another of them contains; empty: any topic.
    pub(crate) fn topics(&self) -> Vec<PartialTopic> {
        let mut topics = self.spec.topics.clone();
        topics.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        // A beginning sorts before all that begin with it.
        topics.dedup_by(|next, kept| next.as_bytes().starts_with(kept.as_bytes()));
        topics
    }

    /// Its messages are asked for.
    pub(crate) fn touch(&self, now: Duration) {
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.asked.fetch_max(millis, Ordering::Relaxed);
    }

    /// When its messages were asked for last.
    pub(crate) fn asked(&self) -> Duration {
        Duration::from_millis(self.asked.load(Ordering::Relaxed))
    }

    /// Whether the envelope is one to be tried, as far as that can be seen from outside.
    pub(crate) fn admits(&self, dialect: Dialect, work: f64, direct: bool) -> bool {
        self.has_dialect(dialect) && work >= self.spec.min_work && (!direct || self.spec.allow_p2p)
    }

    /// Whether the filter is for envelopes of this dialect.
    pub(crate) fn has_dialect(&self, dialect: Dialect) -> bool {
        self.spec.dialect.is_none_or(|wanted| wanted == dialect)
    }

    /// Whether the filter is for envelopes of this topic.
    pub(crate) fn has_topic(&self, topic: Topic) -> bool {
        let topics = &self.spec.topics;
        topics.is_empty() || topics.iter().any(|wanted| wanted.matches(topic))
    }

    /// Whether the message inside is one that is wanted.
    pub(crate) fn wants(&self, message: &Message) -> bool {
        self.spec.signer.is_none() || self.spec.signer == message.signer
    }

    /// Tries to open the envelope. Most tries fail, with [`OpenError::WrongKey`].
    pub(crate) fn open(&self, envelope: &Envelope) -> Result<Message, OpenError> {
        match &self.opener {
            Opener::Symmetric(key) => envelope.open_symmetric(key),
            Opener::Private(pair) => envelope.open_asymmetric(&pair.0),
        }
    }

    /// As [`open`](Self::open), told in the words of those who deliver.
    pub(crate) fn try_open(&self, envelope: &Envelope) -> Opened {
        match self.open(envelope) {
            Ok(message) => Opened::Message(message),
            Err(
                OpenError::WrongKey
                | OpenError::NewerVersion { .. }
                | OpenError::NotSymmetric
                | OpenError::NotAsymmetric
                | OpenError::DataTooShort { .. },
            ) => Opened::NotForUs,
            Err(_) => Opened::Malformed,
        }
    }

    /// The message with what its envelope says.
    pub(crate) fn received(
        &self,
        envelope: &Envelope,
        work: f64,
        direct: bool,
        message: Message,
    ) -> Received {
        let recipient = match &self.opener {
            Opener::Symmetric(_) => None,
            Opener::Private(pair) => Some(pair.1),
        };
        Received {
            message,
            hash: *envelope.hash(),
            work,
            ttl: envelope.ttl(),
            sent: envelope.sent().unwrap_or_default(),
            topic: envelope.topic(),
            recipient,
            direct,
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("spec", &self.spec).finish_non_exhaustive()
    }
}

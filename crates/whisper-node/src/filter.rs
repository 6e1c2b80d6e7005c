//! Filters: which messages an application wants, and the index that finds the filters of an
//! envelope.
//!
//! A filter is found by topic first. Those on one topic that share a key are tried together: an
//! envelope opens with one key only, so the work is one trial for each distinct key, however many
//! filters there are.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use keccak_lanes::Keccak256;
use p2p_identity::{PublicKey, SecretKey};
use whisper_envelope::{Envelope, Message, OpenError, SymmetricKey, Topic};

use crate::{
    id::{FilterId, KeyId},
    keys::Keys,
    mailbox::Mailbox,
    received::Received,
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
    /// Only envelopes of one of these topics; empty: of any. Without topics every envelope of the
    /// network is tried.
    pub topics: Vec<Topic>,
    /// Only envelopes with at least this work.
    pub min_work: f64,
    /// Whether direct messages of trusted peers are wanted, too.
    pub allow_p2p: bool,
}

impl FilterSpec {
    /// Everything that opens with this key.
    #[must_use]
    pub fn new(key: FilterKey) -> Self {
        Self { key, signer: None, topics: Vec::new(), min_work: 0.0, allow_p2p: false }
    }

    /// Only envelopes of this topic, or of one that was named before.
    #[must_use]
    pub fn topic(mut self, topic: Topic) -> Self {
        self.topics.push(topic);
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
type Fingerprint = [u8; 32];

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

/// A filter in use.
pub(crate) struct Filter {
    opener: Opener,
    fingerprint: Fingerprint,
    spec: FilterSpec,
    pub(crate) mailbox: Mailbox,
}

impl Filter {
    pub(crate) fn new(
        spec: FilterSpec,
        keys: &Keys,
        mailbox: Mailbox,
    ) -> Result<Self, FilterError> {
        let opener = Opener::new(spec.key, keys)?;
        Ok(Self { fingerprint: opener.fingerprint(), opener, spec, mailbox })
    }

    /// Whether the envelope is one to be tried, as far as that can be seen from outside.
    pub(crate) fn admits(&self, work: f64, direct: bool) -> bool {
        work >= self.spec.min_work && (!direct || self.spec.allow_p2p)
    }

    /// Whether the filter is for envelopes of this topic.
    pub(crate) fn has_topic(&self, topic: Topic) -> bool {
        self.spec.topics.is_empty() || self.spec.topics.contains(&topic)
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

/// Filters that share a key.
pub(crate) type SameKey = Vec<Arc<Filter>>;

/// Filters on one topic, by key.
type ByKey = HashMap<Fingerprint, SameKey>;

/// All filters of the node, found by id and by topic.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    by_id: HashMap<FilterId, Arc<Filter>>,
    by_topic: HashMap<Topic, ByKey>,
    any_topic: ByKey,
}

impl Filters {
    /// Adds a filter under a new id.
    pub(crate) fn insert(&mut self, filter: Arc<Filter>) -> FilterId {
        let id = FilterId::random();
        for topic in topics(&filter) {
            self.by_topic
                .entry(topic)
                .or_default()
                .entry(filter.fingerprint)
                .or_default()
                .push(Arc::clone(&filter));
        }
        if filter.spec.topics.is_empty() {
            self.any_topic.entry(filter.fingerprint).or_default().push(Arc::clone(&filter));
        }
        self.by_id.insert(id, filter);
        id
    }

    /// Takes a filter out; its index entries shrink with it.
    pub(crate) fn remove(&mut self, id: &FilterId) -> Option<Arc<Filter>> {
        let filter = self.by_id.remove(id)?;
        for topic in topics(&filter) {
            if let Some(by_key) = self.by_topic.get_mut(&topic) {
                forget(by_key, &filter);
                if by_key.is_empty() {
                    self.by_topic.remove(&topic);
                }
            }
        }
        forget(&mut self.any_topic, &filter);
        Some(filter)
    }

    /// The filter of this id.
    pub(crate) fn get(&self, id: &FilterId) -> Option<&Arc<Filter>> {
        self.by_id.get(id)
    }

    /// Whether any filter may want envelopes of this topic.
    pub(crate) fn has_topic(&self, topic: Topic) -> bool {
        !self.any_topic.is_empty() || self.by_topic.contains_key(&topic)
    }

    /// The filters that are to be tried, those with the same key together.
    pub(crate) fn candidates(&self, topic: Topic) -> Vec<SameKey> {
        let mut by_key = self.by_topic.get(&topic).cloned().unwrap_or_default();
        for (key, filters) in &self.any_topic {
            by_key.entry(*key).or_default().extend_from_slice(filters);
        }
        by_key.into_values().collect()
    }

    /// Takes all filters out.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Arc<Filter>> {
        self.by_topic.clear();
        self.any_topic.clear();
        self.by_id.drain().map(|(_, filter)| filter)
    }
}

/// The topics of a filter, each once, even if its owner named one twice.
fn topics(filter: &Filter) -> HashSet<Topic> {
    filter.spec.topics.iter().copied().collect()
}

fn forget(by_key: &mut ByKey, filter: &Arc<Filter>) {
    if let Some(same_key) = by_key.get_mut(&filter.fingerprint) {
        same_key.retain(|other| !Arc::ptr_eq(other, filter));
        if same_key.is_empty() {
            by_key.remove(&filter.fingerprint);
        }
    }
}

#[cfg(test)]
mod tests;

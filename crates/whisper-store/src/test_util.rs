//! An application of a node, which shows whether something was lost, for tests that kill the node or let its power fail.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use p2p_world::{HashSet, World};
use rand::{SeedableRng as _, rngs::StdRng};
use tokio::time::{sleep, timeout};
use whisper_envelope::{Draft, Recipient};
use whisper_protocol::{
    Client as Owner, Config, Dialect, Envelope, FilterId, FilterKey, FilterSpec, KeyId,
    ReceivedMessage, StateError, StateStore as _, StoredKey, SymmetricKey, Topic, Whisper, Work,
};
use zeroize::Zeroizing;

use crate::{EncryptedStore, OpenError, StoreSecret};

/// When each message was sent. It lives for decades, so that it can come again at any time.
const SENT: u32 = 1_000_000_000;
const TTL: u32 = 2_900_000_000;

/// Maximum time to wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// An application that works in rounds. In each it makes a key, receives a message in two filters, deletes and acknowledges what is
/// older, and acknowledges a place in a history. So it is known what must be there after any round.
#[derive(Debug)]
pub struct Client {
    whisper: Whisper,
    /// A filter whose messages are acknowledged, and one whose messages are not.
    filters: [FilterId; 2],
    /// The keys, by their rounds.
    keys: Vec<(u64, KeyId)>,
    /// Whether the filters were there.
    had_filters: bool,
    /// The round of the place in a history; 0 if there was none.
    place: u64,
}

impl Client {
    /// Opens the store, and finds or makes the filters.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    ///
    /// # Panics
    ///
    /// If the store is damaged.
    pub async fn start(
        world: Arc<dyn World>,
        path: &Path,
        config: Config,
    ) -> Result<Self, StateError> {
        let secret = StoreSecret::key(Zeroizing::new([7; 32]));
        let opened = EncryptedStore::open(Arc::clone(&world), path, &secret);
        let store = opened.map_err(|error| match error {
            OpenError::File(error) => StateError::new(error),
            damaged => panic!("{damaged:?}"),
        })?;
        let state = store.load().await?.pop();
        let whisper = Whisper::new(Config { world, min_work: Work::ZERO, ..config });
        whisper.state().keep(Arc::new(store));
        let (mut keys, mut found, mut place) = (Vec::new(), [None; 2], 0);
        if let Some(state) = state {
            place = state.cursors.first().map_or(0, |(_, place)| round_of_place(place));
            assert!(state.cursors.len() <= 1, "a place is there twice: {:?}", state.cursors);
            keys.extend(state.keys.iter().map(|(id, key)| (round_of(key), *id)));
            for filter in &state.filters {
                found[usize::from(!filter.filter.spec.acknowledge)] = Some(filter.filter.id);
            }
            whisper.state().restore(state, Owner::default());
        }
        keys.sort_unstable();
        let had_filters = found.iter().all(Option::is_some);
        let filters = [
            Self::filter(&whisper, found[0], true).await?,
            Self::filter(&whisper, found[1], false).await?,
        ];
        Ok(Self { whisper, filters, keys, had_filters, place })
    }

    async fn filter(
        whisper: &Whisper,
        found: Option<FilterId>,
        acknowledge: bool,
    ) -> Result<FilterId, StateError> {
        if let Some(found) = found {
            return Ok(found);
        }
        // The filter has a copy of its key.
        let key = FilterKey::Symmetric(whisper.keys().add_symmetric(key(0)));
        let spec = FilterSpec { acknowledge, ..FilterSpec::new(key).topic(TOPIC) };
        let id = whisper.subscribe(spec).expect("the key is there");
        whisper.state().flush().await?;
        Ok(id)
    }

    /// The round after the last one that began.
    #[must_use]
    pub fn next_round(&self) -> u64 {
        self.keys.last().map_or(1, |(round, _)| round + 1)
    }

    /// One round. Everything of it is acknowledged when it returns.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    ///
    /// # Panics
    ///
    /// If a message does not arrive.
    pub async fn work(&mut self, round: u64) -> Result<(), StateError> {
        let id = self.whisper.keys().add_symmetric(key(round));
        self.whisper.state().keep_key(id).await?;
        self.keys.push((round, id));
        let _ = self.whisper.inject(envelope(round));
        for filter in self.filters {
            let received = async {
                loop {
                    let messages = self.fetch(filter, false).await?;
                    if messages.contains(&round) {
                        return Ok(());
                    }
                    sleep(Duration::from_millis(1)).await;
                }
            };
            timeout(PATIENCE, received).await.expect("the message arrives")?;
        }
        self.acknowledge_before(round - 1).await?;
        let place = round.to_be_bytes().to_vec();
        self.whisper.state().keep_cursor(PLACE.into(), Some(place)).await?;
        while let Some(&(first, id)) = self.keys.first()
            && first + 2 < round
        {
            self.whisper.state().forget_key(id).await?;
            self.whisper.keys().delete_symmetric(&id);
            self.keys.remove(0);
        }
        Ok(())
    }

    async fn acknowledge_before(&self, round: u64) -> Result<(), StateError> {
        let waiting =
            self.whisper.state().fetch(&self.filters[0], true).await.expect("it is there")?;
        let old = waiting.iter().filter(|message| number(message) < round);
        let hashes: HashSet<_> = old.map(|message| message.hash).collect();
        let acknowledged = self.whisper.state().acknowledge(&self.filters[0], &hashes);
        assert!(acknowledged.is_some_and(|count| count == Ok(hashes.len())));
        self.whisper.state().flush().await
    }

    async fn fetch(&self, filter: FilterId, again: bool) -> Result<Vec<u64>, StateError> {
        let messages =
            self.whisper.state().fetch(&filter, again).await.expect("the filter is there")?;
        Ok(messages.iter().map(|message| number(message)).collect())
    }

    /// Checks what is there after the round `acknowledged` and before the end of a later one. `checked`: the outcome of the last check, if
    /// there was one. Returns the last round of which there is something.
    ///
    /// # Panics
    ///
    /// If something was lost, or came twice.
    pub async fn check(&self, acknowledged: u64, checked: u64) -> u64 {
        assert!(self.had_filters || acknowledged == 0, "a filter was lost");
        assert!(self.place >= acknowledged, "the place {} after {acknowledged}", self.place);
        let rounds: BTreeSet<_> = self.keys.iter().map(|(round, _)| *round).collect();
        assert_eq!(rounds.len(), self.keys.len(), "a key is there twice");
        let last = rounds.last().copied().unwrap_or(0);
        assert!(self.place <= last, "the place {} of {last}", self.place);
        assert!(last >= acknowledged.max(checked), "{last} after {acknowledged} and {checked}");
        let mut kept = last.max(3) - 2..=last;
        assert!(kept.all(|round| rounds.contains(&round)), "a key was lost: {rounds:?}");
        assert!(rounds.iter().all(|round| round + 2 >= acknowledged), "deleted: {rounds:?}");
        if acknowledged > 0 {
            self.repeat(acknowledged).await;
        }
        let seen = acknowledged.max(checked);
        for filter in self.filters {
            let new = self.fetch(filter, false).await.expect("the disk works");
            assert!(new.iter().all(|round| *round > seen), "{new:?} after {seen}");
        }
        let waiting = self.fetch(self.filters[0], true).await.expect("the disk works");
        let once: BTreeSet<_> = waiting.iter().copied().collect();
        assert_eq!(once.len(), waiting.len(), "a message waits twice: {waiting:?}");
        let may_be_gone = acknowledged == 0 || last > acknowledged + 1;
        assert!(may_be_gone || once.contains(&acknowledged), "{acknowledged} of {waiting:?}");
        assert!(once.iter().all(|round| round + 1 >= acknowledged), "acknowledged: {waiting:?}");
        last
    }

    /// Lets the envelope of a round arrive again, and waits until both filters have recognized it.
    async fn repeat(&self, round: u64) {
        let opened = || {
            let stats = self.whisper.stats().delivery;
            (stats.delivered, stats.repeated)
        };
        let before = opened();
        let _ = self.whisper.inject(envelope(round));
        let done = async {
            loop {
                let (delivered, repeated) = opened();
                assert_eq!(delivered, before.0, "a message came twice");
                if repeated == before.1 + 2 {
                    return;
                }
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, done).await.expect("the envelope is opened");
    }

    /// Stops the node. The file is closed when it returns.
    pub async fn stop(self) {
        self.whisper.stop().await;
    }
}

/// The name of the place in a history.
const PLACE: &str = "reader";

const TOPIC: Topic = Topic(*b"test");

/// The key of a round.
fn key(round: u64) -> SymmetricKey {
    let mut bytes = [3; 32];
    bytes[..8].copy_from_slice(&round.to_be_bytes());
    SymmetricKey::from_bytes(bytes)
}

fn round_of(key: &StoredKey) -> u64 {
    let StoredKey::Symmetric(key) = key else { panic!("{key:?}") };
    u64::from_be_bytes(std::array::from_fn(|index| key.as_bytes()[index]))
}

fn round_of_place(place: &[u8]) -> u64 {
    u64::from_be_bytes(place.try_into().expect("eight bytes"))
}

/// The envelope of a round, always the same.
fn envelope(round: u64) -> Envelope {
    let (key, payload) = (key(0), round.to_be_bytes());
    let draft = Draft::new(Dialect::V6, Recipient::Symmetric(&key), SENT);
    let draft = draft.payload(&payload).topic(TOPIC).ttl(TTL);
    let unsealed = draft.encrypt(&mut StdRng::seed_from_u64(round)).expect("a small message");
    unsealed.seal(round)
}

/// The round of a message.
fn number(message: &ReceivedMessage) -> u64 {
    u64::from_be_bytes(message.message.payload[..].try_into().expect("eight bytes"))
}

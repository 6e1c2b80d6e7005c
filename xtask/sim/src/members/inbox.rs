//! The messages that a node has received.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use p2p_world::World;
use whisper_protocol::{FilterId, FilterSpec, ReceivedMessage, Whisper};

/// The filters of a node, and what they have received.
pub(super) struct Inbox {
    filter: FilterId,
    /// Whether a task waits for its messages. Otherwise they are fetched.
    watches: bool,
    /// A filter that comes and goes.
    more: Option<FilterId>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    numbers: BTreeSet<u64>,
    /// How many came since the last look.
    new: usize,
    failed: Option<String>,
}

impl Inbox {
    /// Subscribes. `world`: where a task waits for the messages; `None`: they are fetched.
    pub(super) fn new(whisper: &Whisper, spec: FilterSpec, world: Option<&dyn World>) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let Some(world) = world else {
            let filter = whisper.subscribe(spec).expect("the key is there");
            return Self { filter, watches: false, more: None, seen };
        };
        let mut watch = whisper.watch(spec).expect("the key is there");
        let (filter, of_task) = (watch.id(), Arc::clone(&seen));
        world.spawn(Box::pin(async move {
            while let Some(message) = watch.next().await {
                lock(&of_task).add(&message);
            }
        }));
        Self { filter, watches: true, more: None, seen }
    }

    /// The filter that is always there.
    pub(super) fn id(&self) -> FilterId {
        self.filter
    }

    /// Whether the filter is there that comes and goes.
    pub(super) fn has_more(&self) -> bool {
        self.more.is_some()
    }

    /// Adds that filter, or removes it.
    pub(super) fn change(&mut self, whisper: &Whisper, spec: FilterSpec) {
        match self.more.take() {
            Some(filter) => {
                // What it still has is not missed.
                self.fetch(whisper, filter);
                whisper.unsubscribe(&filter);
            }
            None => self.more = Some(whisper.subscribe(spec).expect("the key is there")),
        }
    }

    /// The numbers of all messages so far.
    pub(super) fn received(&self) -> BTreeSet<u64> {
        lock(&self.seen).numbers.clone()
    }

    /// Fetches what has come. Returns how many there were since the last call.
    ///
    /// # Errors
    ///
    /// A message came twice.
    pub(super) fn receive(&self, whisper: &Whisper) -> Result<usize, String> {
        for filter in (!self.watches).then_some(self.filter).into_iter().chain(self.more) {
            self.fetch(whisper, filter);
        }
        let mut seen = lock(&self.seen);
        match seen.failed.take() {
            Some(text) => Err(text),
            None => Ok(std::mem::take(&mut seen.new)),
        }
    }

    fn fetch(&self, whisper: &Whisper, filter: FilterId) {
        let messages = whisper.take_messages(&filter).unwrap_or_default();
        let mut seen = lock(&self.seen);
        messages.iter().for_each(|message| seen.add(message));
    }
}

impl Seen {
    fn add(&mut self, message: &ReceivedMessage) {
        let Ok(payload) = message.message.payload[..].try_into() else {
            self.failed = Some("a strange payload".to_owned());
            return;
        };
        let number = u64::from_be_bytes(payload);
        self.new += 1;
        if !self.numbers.insert(number) {
            self.failed = Some(format!("message {number} twice"));
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

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
    /// Those that the filter received that comes and goes, since it is there.
    of_more: BTreeSet<u64>,
    /// Those that came since the last look, and when they say that they were sent.
    new: Vec<(usize, u32)>,
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
                lock(&of_task).add(&message, false);
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
        match self.more {
            Some(filter) => {
                // What it still has is not missed.
                self.fetch(whisper, filter);
                self.more = None;
                whisper.unsubscribe(&filter);
            }
            None => {
                lock(&self.seen).of_more.clear();
                self.more = Some(whisper.subscribe(spec).expect("the key is there"));
            }
        }
    }

    /// The numbers of all messages so far.
    pub(super) fn received(&self) -> BTreeSet<u64> {
        lock(&self.seen).numbers.clone()
    }

    /// Fetches what has come. Returns the numbers of the messages since the last call, and when they say that they were sent.
    ///
    /// # Errors
    ///
    /// A message came twice.
    pub(super) fn receive(&self, whisper: &Whisper) -> Result<Vec<(usize, u32)>, String> {
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
        let is_more = self.more == Some(filter);
        messages.iter().for_each(|message| seen.add(message, is_more));
    }
}

impl Seen {
    /// `is_more`: the filter that comes and goes has received it.
    fn add(&mut self, message: &ReceivedMessage, is_more: bool) {
        let Ok(payload) = message.message.payload[..].try_into() else {
            self.failed = Some("a strange payload".to_owned());
            return;
        };
        let number = u64::from_be_bytes(payload);
        let is_new = self.numbers.insert(number);
        if is_new {
            self.new.push((usize::try_from(number).unwrap_or(usize::MAX), message.sent));
        }
        // A new filter receives what is in the pool.
        if !(if is_more { self.of_more.insert(number) } else { is_new }) {
            self.failed = Some(format!("message {number} twice"));
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What a store does not have of a mailbox yet.

use crate::{
    delivery::mailbox::{Contents, Entry, seen::MAX_SEEN},
    delivery::message::ContentHash,
    delivery::state::{StateChange, StoredMessage},
    keys::id::FilterId,
};

/// What a store does not have of a mailbox yet. Its size is limited: if it becomes too large, the whole mailbox is written.
#[derive(Debug)]
pub(super) struct Unwritten {
    /// Nothing of the mailbox is in the store, or it is not known what.
    everything: bool,
    /// The number of the first message that was not written.
    from: u64,
    /// Messages that are no longer in the mailbox.
    gone: Vec<Gone>,
    /// Whether the number of the last fetched message has changed.
    fetched: bool,
}

/// A message that is no longer in the mailbox.
#[derive(Debug)]
struct Gone {
    number: u64,
    /// Its content and expiry, if it must be recognized when it comes again.
    seen: Option<(ContentHash, u32)>,
}

/// What must be written of a mailbox.
#[derive(Debug)]
pub(crate) struct MailboxChanges {
    /// Whether it is the whole mailbox. What the store has of it is to be deleted first.
    pub(crate) everything: bool,
    pub(crate) changes: Vec<StateChange>,
}

impl Unwritten {
    /// Everything.
    pub(super) const fn everything() -> Self {
        Self { everything: true, from: 0, gone: Vec::new(), fetched: false }
    }

    /// Nothing; the next message has this number.
    pub(super) const fn nothing(from: u64) -> Self {
        Self { everything: false, from, gone: Vec::new(), fetched: false }
    }

    /// The store may not have what it was given last.
    pub(super) fn forget(&mut self) {
        *self = Self::everything();
    }

    /// The number of the last fetched message has changed.
    pub(super) fn fetched(&mut self) {
        self.fetched = true;
    }

    /// A message is no longer in the mailbox, or is no longer remembered. `seen`: its content and expiry, if it is remembered.
    pub(super) fn gone(&mut self, number: u64, seen: Option<(ContentHash, u32)>) {
        if self.everything {
            return; // what is left will be written
        }
        self.gone.push(Gone { number, seen });
        if self.gone.len() > 2 * MAX_SEEN {
            self.forget();
        }
    }
}

impl Contents {
    /// What must be written now. `None` if the mailbox is not kept.
    pub(super) fn take_changes(&mut self, filter: FilterId) -> Option<MailboxChanges> {
        let unwritten = self.unwritten.take()?;
        self.unwritten = Some(Unwritten::nothing(self.last + 1));
        let Unwritten { everything, from, gone, fetched } = unwritten;
        let put = |message| StateChange::PutMessage { filter, message };
        let mut changes: Vec<_> = match everything {
            true => self.remembered().map(put).collect(),
            false => gone.into_iter().map(|gone| gone.change(filter)).collect(),
        };
        let new = self.messages.iter().filter(|entry| everything || entry.number >= from);
        changes.extend(new.map(Entry::stored).map(put));
        if self.fetched > 0 && (everything || fetched) {
            changes.push(StateChange::SetFetched { filter, number: self.fetched });
        }
        Some(MailboxChanges { everything, changes })
    }

    /// The messages that do not wait, and must be recognized when they come again.
    fn remembered(&self) -> impl Iterator<Item = StoredMessage> {
        let gone = self.seen.iter().filter(|(_, _, number)| !self.waits(*number));
        gone.map(|(expiry, content, number)| Gone::stored(number, content, expiry))
    }
}

impl Gone {
    fn change(self, filter: FilterId) -> StateChange {
        let number = self.number;
        match self.seen {
            None => StateChange::DeleteMessage { filter, number },
            Some((content, expiry)) => {
                StateChange::PutMessage { filter, message: Self::stored(number, content, expiry) }
            }
        }
    }

    fn stored(number: u64, content: ContentHash, expiry: u32) -> StoredMessage {
        StoredMessage { number, content: content.to_bytes(), expiry, message: None }
    }
}

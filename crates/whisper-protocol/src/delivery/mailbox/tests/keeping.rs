//! A mailbox that is put back from what was written of it is the same.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::delivery::state::StateChange;

/// What a store has of a mailbox.
#[derive(Debug, Default)]
struct Kept {
    messages: BTreeMap<u64, StoredMessage>,
    fetched: u64,
}

impl Kept {
    /// Writes what has changed.
    fn write(&mut self, mailbox: &Mailbox) {
        let changes = mailbox.take_changes(FilterId::from_bytes([1; 32])).unwrap();
        if changes.everything {
            *self = Self::default();
        }
        for change in changes.changes {
            match change {
                StateChange::PutMessage { message, .. } => {
                    self.messages.insert(message.number, message);
                }
                StateChange::DeleteMessage { number, .. } => _ = self.messages.remove(&number),
                StateChange::SetFetched { number, .. } => self.fetched = number,
                other => panic!("{other:?}"),
            }
        }
    }

    fn restored(&self, acknowledged: bool) -> Mailbox {
        let mailbox = Mailbox::new(LIMITS).acknowledged(acknowledged);
        mailbox.restore(self.fetched, self.messages.values().cloned().collect());
        mailbox
    }
}

const LIMITS: QueueLimits = QueueLimits { items: 4, bytes: usize::MAX };

#[derive(Debug, Clone)]
enum Step {
    Put {
        number: u8,
        direct: bool,
    },
    Fetch {
        undone: bool,
    },
    Next,
    Acknowledge(Vec<u8>),
    Write,
    /// The store fails.
    Fail,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let put = (0..12_u8, prop::bool::weighted(0.3))
        .prop_map(|(number, direct)| Step::Put { number, direct });
    let step = prop_oneof![
        6 => put,
        2 => any::<bool>().prop_map(|undone| Step::Fetch { undone }),
        1 => Just(Step::Next),
        2 => prop::collection::vec(0..12_u8, 0..4).prop_map(Step::Acknowledge),
        3 => Just(Step::Write),
        1 => Just(Step::Fail),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 0..60)
}

/// What tells two mailboxes apart: the messages, those that were fetched, and those that are recognized.
fn parts(mailbox: &Mailbox, acknowledged: bool) -> (Vec<(u64, u8)>, u64, Vec<u64>, usize) {
    let contents = lock(&mailbox.contents);
    let entries = contents.messages.iter();
    let messages = entries.map(|entry| (entry.number, entry.message.hash[0])).collect();
    let mut seen: Vec<_> = contents.seen.iter().map(|(_, _, number)| number).collect();
    seen.sort_unstable();
    let fetched = if acknowledged { contents.fetched } else { 0 };
    (messages, fetched, seen, contents.bytes)
}

fn run(step: Step, mailbox: &mut Mailbox, kept: &mut Kept, acknowledged: bool) {
    match step {
        Step::Put { number, direct } => {
            let message = ReceivedMessage { direct, ..ReceivedMessage::clone(&message(number, 9)) };
            put(mailbox, Arc::new(message));
        }
        Step::Fetch { undone } => {
            let fetched = mailbox.fetch(false);
            if undone {
                mailbox.undo(fetched);
            }
        }
        Step::Next => _ = lock(&mailbox.contents).next(acknowledged),
        Step::Acknowledge(numbers) => _ = acknowledge(mailbox, &numbers),
        Step::Write => kept.write(mailbox),
        Step::Fail => {
            mailbox.take_changes(FilterId::from_bytes([1; 32]));
            mailbox.rewrite();
        }
        Step::Restart => {
            kept.write(mailbox);
            *mailbox = kept.restored(acknowledged);
        }
    }
}

proptest! {
    #[test]
    fn a_mailbox_is_put_back_as_it_was(steps in steps(), acknowledged in any::<bool>()) {
        let mut mailbox = Mailbox::new(LIMITS).acknowledged(acknowledged);
        mailbox.keep();
        let mut kept = Kept::default();
        for step in steps {
            run(step, &mut mailbox, &mut kept, acknowledged);
        }
        kept.write(&mailbox);
        let restored = kept.restored(acknowledged);
        prop_assert_eq!(parts(&restored, acknowledged), parts(&mailbox, acknowledged));
    }
}

#[test]
fn what_is_to_be_written_stays_limited_if_the_store_fails() {
    let mailbox = Mailbox::new(LIMITS);
    mailbox.keep();
    let mut kept = Kept::default();
    kept.write(&mailbox);
    for number in 0..5 * seen::MAX_SEEN {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        let message = ReceivedMessage { hash, ..ReceivedMessage::clone(&message(0, 0)) };
        put(&mailbox, Arc::new(message));
    }
    let changes = mailbox.take_changes(FilterId::from_bytes([1; 32])).unwrap();
    assert!(changes.everything);
    assert_eq!(changes.changes.len(), seen::MAX_SEEN, "those that are recognized");
}

mod keeping;

use std::time::Duration;

use bytes::Bytes;
use whisper_envelope::{Message, Topic};

use super::*;

fn message(number: u8, size: usize) -> Arc<ReceivedMessage> {
    let payload = Bytes::from(vec![0; size]);
    Arc::new(ReceivedMessage {
        message: Message { payload, padding: Bytes::new(), signature: None, signer: None },
        hash: [number; 32],
        work: 0.0,
        ttl: 50,
        sent: 0,
        topic: Topic(*b"test"),
        recipient: None,
        direct: false,
    })
}

/// Puts a message into a mailbox. Its hash stands for its content.
fn put(mailbox: &Mailbox, message: Arc<ReceivedMessage>) -> PutOutcome {
    mailbox.put(ContentHash::from_bytes(message.hash), message)
}

fn numbers(mailbox: &Mailbox) -> Vec<u8> {
    mailbox.fetch(false).messages().iter().map(|message| message.hash[0]).collect()
}

fn dropped(put: PutOutcome) -> Vec<u8> {
    let PutOutcome::Stored { dropped } = put else { panic!("not stored: {put:?}") };
    dropped.iter().map(|hash| hash[0]).collect()
}

#[test]
fn a_full_mailbox_drops_the_oldest() {
    let mailbox = Mailbox::new(QueueLimits { items: 3, bytes: usize::MAX });
    for number in 0..3 {
        assert_eq!(dropped(put(&mailbox, message(number, 0))), [0; 0]);
    }
    assert_eq!(dropped(put(&mailbox, message(3, 0))), [0]);
    assert_eq!(numbers(&mailbox), [1, 2, 3]);
    assert_eq!(numbers(&mailbox), [0; 0], "fetched once");
}

#[test]
fn a_broadcast_message_is_delivered_once_and_a_direct_one_each_time() {
    let mailbox = Mailbox::new(QueueLimits { items: 3, bytes: usize::MAX });
    let direct =
        Arc::new(ReceivedMessage { direct: true, ..ReceivedMessage::clone(&message(2, 0)) });
    let stored = PutOutcome::Stored { dropped: vec![] };
    for (message, again) in [(message(1, 0), PutOutcome::Repeated), (direct, stored.clone())] {
        assert_eq!(put(&mailbox, Arc::clone(&message)), stored);
        assert_eq!(put(&mailbox, Arc::clone(&message)), PutOutcome::Repeated, "it is stored");
        mailbox.fetch(false);
        assert_eq!(put(&mailbox, message), again, "it was fetched");
    }
}

#[test]
fn bytes_are_limited() {
    let size = message(0, 1000).size();
    let mailbox = Mailbox::new(QueueLimits { items: usize::MAX, bytes: 3 * size });
    for number in 0..3 {
        put(&mailbox, message(number, 1000));
    }
    assert_eq!(dropped(put(&mailbox, message(3, 1001))), [0, 1]);
    assert_eq!(put(&mailbox, message(4, 3 * size)), PutOutcome::TooLarge);
    assert_eq!(numbers(&mailbox), [2, 3]);
}

#[test]
fn a_dropped_broadcast_message_is_not_delivered_again() {
    let stored = PutOutcome::Stored { dropped: vec![[2; 32]] };
    for (direct, again) in [(false, PutOutcome::Repeated), (true, stored)] {
        let mailbox = Mailbox::new(QueueLimits { items: 2, bytes: usize::MAX });
        let put = |number| {
            let message = ReceivedMessage { direct, ..ReceivedMessage::clone(&message(number, 0)) };
            put(&mailbox, Arc::new(message))
        };
        for number in 1..=3 {
            put(number);
        }
        assert_eq!(put(1), again);
    }
}

#[tokio::test(start_paused = true)]
async fn next_waits_and_ends() {
    let mailbox = Arc::new(Mailbox::new(QueueLimits { items: 9, bytes: usize::MAX }));
    let waits = tokio::time::timeout(Duration::from_secs(1), mailbox.next()).await;
    assert!(waits.is_err(), "nothing there yet");
    let waiting = tokio::spawn({
        let mailbox = Arc::clone(&mailbox);
        async move { mailbox.next().await }
    });
    tokio::task::yield_now().await;
    put(&mailbox, message(1, 0));
    put(&mailbox, message(2, 0));
    assert_eq!(waiting.await.unwrap().unwrap().hash[0], 1);
    mailbox.close();
    assert_eq!(mailbox.next().await.unwrap().hash[0], 2, "stored messages can still be fetched");
    assert!(mailbox.next().await.is_none());
}

#[test]
fn the_mailboxes_of_an_application_share_a_limit() {
    use crate::delivery::mailbox::usage::{ClientUsage, UsageLimits};
    let (usage, size) = (ClientUsage::default(), message(0, 0).size());
    let limit = u32::try_from(3 * size).ok().and_then(std::num::NonZeroU32::new);
    usage.set_limits(UsageLimits { mailbox_bytes: limit, ..UsageLimits::default() });
    let limits = QueueLimits { items: 9, bytes: usize::MAX };
    let [full, other] = [(); 2].map(|()| Mailbox::new(limits).counted(&usage));
    let free = Mailbox::new(limits);
    for number in 0..3 {
        assert_eq!(dropped(put(&full, message(number, 0))), [0; 0]);
    }
    // One drops its own oldest message, never that of another one; without any, the new one is not stored.
    assert_eq!(dropped(put(&full, message(3, 0))), [0]);
    assert_eq!(put(&other, message(4, 0)), PutOutcome::TooLarge);
    assert_eq!(dropped(put(&free, message(4, 0))), [0; 0]);
    let bytes = || usage.read(Duration::ZERO).mailbox_bytes;
    assert_eq!(bytes(), 3 * size as u64);
    assert_eq!(numbers(&full), [1, 2, 3]);
    assert_eq!(bytes(), 0);
    assert_eq!(dropped(put(&other, message(4, 0))), [0; 0], "it was not marked as seen");
    drop(other);
    assert_eq!(bytes(), 0, "what was in a mailbox that is gone is free");
}

fn acknowledge(mailbox: &Mailbox, numbers: &[u8]) -> Option<usize> {
    mailbox.acknowledge(&numbers.iter().map(|number| [*number; 32]).collect())
}

#[tokio::test]
async fn messages_wait_until_they_are_acknowledged() {
    let limits = QueueLimits { items: 3, bytes: usize::MAX };
    let mailbox = Mailbox::new(limits).acknowledged(true);
    for number in 1..=2 {
        put(&mailbox, message(number, 0));
    }
    let again = |mailbox: &Mailbox| -> Vec<u8> {
        mailbox.fetch(true).messages().iter().map(|message| message.hash[0]).collect()
    };
    assert_eq!(numbers(&mailbox), [1, 2]);
    assert_eq!(numbers(&mailbox), [0; 0], "nothing comes twice unless it is asked for");
    assert_eq!(again(&mailbox), [1, 2]);
    assert_eq!((acknowledge(&mailbox, &[1, 7]), acknowledge(&mailbox, &[1])), (Some(1), Some(0)));
    put(&mailbox, message(3, 0));
    assert_eq!(mailbox.next().await.unwrap().hash[0], 3, "only what is new");
    assert_eq!((numbers(&mailbox), again(&mailbox)), (vec![], vec![2, 3]));
    assert_eq!(put(&mailbox, message(1, 0)), PutOutcome::Repeated, "it was acknowledged");
    put(&mailbox, message(4, 0));
    assert_eq!(dropped(put(&mailbox, message(5, 0))), [2], "the mailbox is full");
    assert_eq!(again(&mailbox), [3, 4, 5]);
    let other = Mailbox::new(limits);
    put(&other, message(1, 0));
    assert_eq!(acknowledge(&other, &[1]), None);
}

#[test]
fn a_fetch_that_is_undone_is_made_again() {
    for acknowledged in [false, true] {
        let limits = QueueLimits { items: 3, bytes: usize::MAX };
        let mailbox = Mailbox::new(limits).acknowledged(acknowledged);
        put(&mailbox, message(1, 0));
        let fetched = mailbox.fetch(false);
        put(&mailbox, message(2, 0));
        mailbox.undo(fetched);
        assert_eq!(numbers(&mailbox), [1, 2], "{acknowledged}");
        assert_eq!(numbers(&mailbox), [0; 0], "{acknowledged}");
    }
}

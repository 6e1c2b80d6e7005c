//! A service on one connection: what goes on after a handler has panicked.

use std::{sync::Arc, time::Duration};

use crate::support::{SECOND, connect, key};
use p2p_mux::{RequestError, Service, ServiceError, ServiceLimits};
use tokio::{sync::Notify, time::sleep};

/// Answers a word with its length. Panics at `panic`, answers `slow` when it may, and lets `slow` be answered shortly
/// before it answers any other word.
fn lengths() -> Service<String, u64> {
    let slow = Arc::new(Notify::new());
    let limits = ServiceLimits { timeout: 5 * SECOND, ..ServiceLimits::default() };
    Service::with_limits("length", 1, limits, move |_, word: String| {
        let slow = slow.clone();
        async move {
            assert_ne!(word, "panic", "a bug");
            if word == "slow" {
                slow.notified().await;
            } else {
                slow.notify_one();
                sleep(Duration::from_millis(1)).await;
            }
            Ok::<_, String>(word.len() as u64)
        }
    })
}

#[tokio::test(start_paused = true)]
async fn the_next_request_after_a_panic_is_answered_on_the_same_connection() {
    let (ours, theirs) = (lengths(), lengths());
    let (here, there) = connect(&[ours.protocol()], &[theirs.protocol()]).await;
    let remote = ours.wait_for_peer(&key(2).id()).await;
    let failed = remote.request(&"panic".to_owned()).await;
    assert_eq!(failed, Err(ServiceError::Request(RequestError::TimedOut)));
    assert_eq!(remote.request(&"seven".to_owned()).await, Ok(5));
    let slot = &there.peer.stats().slots[0];
    assert_eq!((slot.exits.panicked, slot.restarts), (1, 1), "the failure is counted");
    assert!(!here.peer.is_closed() && !there.peer.is_closed(), "no reconnect");
}

#[tokio::test(start_paused = true)]
async fn a_response_to_an_earlier_run_answers_no_request_of_the_next() {
    let (ours, theirs) = (lengths(), lengths());
    let (_here, there) = connect(&[ours.protocol()], &[theirs.protocol()]).await;
    let (at_us, at_them) =
        (ours.wait_for_peer(&key(2).id()).await, theirs.wait_for_peer(&key(1).id()).await);

    // The first request of their first run is open when that run ends.
    let (slow, panic) = ("slow".to_owned(), "panic".to_owned());
    let (open, _) = tokio::join!(at_them.request(&slow), at_us.request(&panic));
    assert_eq!(open, Err(ServiceError::Request(RequestError::Closed)));

    // Its response arrives before that to the first request of their second run.
    let again = theirs.wait_for_peer(&key(1).id()).await;
    assert_eq!(again.request(&"eleven".to_owned()).await, Ok(6));
    assert_eq!(there.peer.stats().slots[0].restarts, 1, "the late response is no error");
}

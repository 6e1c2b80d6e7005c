use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use super::*;
use crate::relay::testing::{envelope, envelope_of_size};

const BOUNDS: Bounds = Bounds { items: 2, bytes: usize::MAX };

fn arrival(number: u64, direct: bool) -> Arrival {
    Arrival { envelope: envelope(number), work: 0.0, direct }
}

async fn pop(queue: &Queue) -> Option<u64> {
    Some(queue.pop().await?.envelope.nonce())
}

#[tokio::test]
async fn direct_messages_go_first() {
    let queue = Queue::new(BOUNDS, BOUNDS);
    assert!(queue.push(arrival(1, false)) && queue.push(arrival(2, true)));
    assert_eq!((pop(&queue).await, pop(&queue).await), (Some(2), Some(1)));
}

#[tokio::test]
async fn a_flood_of_either_leaves_the_other_its_turns() {
    let bounds = Bounds { items: 99, bytes: usize::MAX };
    for flood in [true, false] {
        let queue = Queue::new(bounds, bounds);
        for number in 0..50 {
            assert!(queue.push(arrival(number, flood)));
        }
        assert!(queue.push(arrival(99, !flood)) && queue.push(arrival(98, !flood)));
        assert_eq!(queue.waiting(), if flood { [2, 50] } else { [50, 2] });
        let mut turns = Vec::new();
        for turn in 0..8 {
            if pop(&queue).await >= Some(98) {
                turns.push(turn);
            }
        }
        assert_eq!(turns, if flood { [3, 7] } else { [0, 1] });
    }
}

#[test]
fn each_queue_has_bounds_of_its_own() {
    let queue = Queue::new(BOUNDS, BOUNDS);
    assert!(queue.push(arrival(1, false)) && queue.push(arrival(2, false)));
    assert!(!queue.push(arrival(3, false)), "full in items");
    assert!(queue.push(arrival(4, true)), "the other is not");

    let queue = Queue::new(Bounds { items: 9, bytes: 500 }, BOUNDS);
    let large = Arrival { envelope: envelope_of_size(500, 1), work: 0.0, direct: false };
    assert!(queue.push(large.clone()), "one is always taken");
    assert!(!queue.push(large), "full in bytes");
}

#[tokio::test(start_paused = true)]
async fn room_comes_with_what_is_taken_out() {
    let queue = Arc::new(Queue::new(BOUNDS, BOUNDS));
    queue.room().await;
    assert!(queue.push(arrival(1, false)) && queue.push(arrival(2, false)));
    assert!(timeout(Duration::from_secs(9), queue.room()).await.is_err());
    let waiting = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { queue.room().await }
    });
    tokio::task::yield_now().await;
    pop(&queue).await;
    waiting.await.unwrap();
}

#[tokio::test]
async fn closing_ends_every_worker() {
    let queue = Arc::new(Queue::new(BOUNDS, BOUNDS));
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { pop(&queue).await })
        })
        .collect();
    tokio::task::yield_now().await;
    queue.close();
    for worker in workers {
        assert_eq!(worker.await.unwrap(), None);
    }
}

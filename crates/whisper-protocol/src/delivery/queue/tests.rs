use super::*;
use crate::relay::testing::{envelope, envelope_of_size};

const LIMITS: QueueLimits = QueueLimits { items: 2, bytes: usize::MAX };

fn arrival(number: u64, direct: bool) -> Arrival {
    Arrival { envelope: envelope(number), work: 0.0, direct }
}

fn pop(queues: &ArrivalQueues) -> Option<u64> {
    Some(queues.pop()?.envelope.nonce())
}

#[test]
fn direct_messages_go_first() {
    let queues = ArrivalQueues::new(LIMITS, LIMITS);
    assert!(queues.push(arrival(1, false)) && queues.push(arrival(2, true)));
    assert_eq!((pop(&queues), pop(&queues)), (Some(2), Some(1)));
}

#[test]
fn a_flood_of_one_kind_leaves_turns_for_the_other() {
    let limits = QueueLimits { items: 99, bytes: usize::MAX };
    for flood in [true, false] {
        let queues = ArrivalQueues::new(limits, limits);
        for number in 0..50 {
            assert!(queues.push(arrival(number, flood)));
        }
        assert!(queues.push(arrival(99, !flood)) && queues.push(arrival(98, !flood)));
        assert_eq!(queues.len(), if flood { [2, 50] } else { [50, 2] });
        let turns = (0..8).filter(|_| pop(&queues) >= Some(98));
        assert_eq!(turns.collect::<Vec<_>>(), if flood { [3, 7] } else { [0, 1] });
    }
}

#[test]
fn each_queue_has_its_own_limits() {
    let queues = ArrivalQueues::new(LIMITS, LIMITS);
    assert!(queues.push(arrival(1, false)) && !queues.is_broadcast_full());
    assert!(queues.push(arrival(2, false)) && queues.is_broadcast_full());
    assert!(!queues.push(arrival(3, false)), "full in items");
    assert!(queues.push(arrival(4, true)), "the other is not");

    let queues = ArrivalQueues::new(QueueLimits { items: 9, bytes: 500 }, LIMITS);
    let large = Arrival { envelope: envelope_of_size(500, 1), work: 0.0, direct: false };
    assert!(queues.push(large.clone()), "one is always accepted");
    assert!(!queues.push(large), "full in bytes");
}

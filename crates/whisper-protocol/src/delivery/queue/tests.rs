use p2p_identity::NodeId;
use whisper_envelope::Envelope;

use super::*;
use crate::relay::testing::{envelope, envelope_about, envelope_of_size, slots, work};

const LIMITS: QueueLimits = QueueLimits { items: 100, bytes: 1 << 20 };
const OWNER: Client = Client { key: 1, weight: 1 };

fn queues(limits: QueueLimits) -> TaskQueues {
    TaskQueues::new(QueueSettings { broadcast: limits, direct: limits })
}

fn arrival(envelope: Envelope, amount: f64, source: Source) -> Arrival {
    Arrival { envelope, work: work(amount), source, arrived: None }
}

fn peer() -> Source {
    let [slot] = slots();
    Source::Peer(slot)
}

fn direct() -> Source {
    Source::Direct(NodeId([1; 64]))
}

/// The nonce of the next envelope. The lane is charged for one private key.
fn pop(queues: &mut TaskQueues) -> Option<u64> {
    let job = queues.pop()?;
    queues.charge(&job.lane, PRIVATE_KEY_COST);
    job.item.arrival().map(|arrival| arrival.envelope.nonce())
}

#[test]
fn direct_messages_go_first() {
    let mut queues = queues(LIMITS);
    assert!(queues.push(OWNER, false, arrival(envelope(1), 1.0, peer())).is_empty());
    assert!(queues.push(OWNER, false, arrival(envelope(2), 1.0, direct())).is_empty());
    assert_eq!([pop(&mut queues), pop(&mut queues)], [Some(2), Some(1)]);
}

#[test]
fn a_flood_of_one_kind_leaves_turns_for_the_other() {
    for flood in [direct(), peer()] {
        let other = if flood == peer() { direct() } else { peer() };
        let mut queues = queues(LIMITS);
        for number in 0..50 {
            assert!(queues.push(OWNER, false, arrival(envelope(number), 1.0, flood)).is_empty());
        }
        for number in [99, 98] {
            assert!(queues.push(OWNER, false, arrival(envelope(number), 1.0, other)).is_empty());
        }
        let turns = (0..8).filter(|_| pop(&mut queues) >= Some(98));
        let expected = if flood == direct() { [3, 7] } else { [0, 1] };
        assert_eq!(turns.collect::<Vec<_>>(), expected);
    }
}

/// Junk of little work from one peer does not delay the messages of another, whatever the topic.
#[test]
fn sources_and_topics_take_turns() {
    let [junk, honest] = slots();
    let (junk, honest) = (Source::Peer(junk), Source::Peer(honest));
    for (named, topic) in [(true, *b"same"), (true, *b"else"), (false, *b"else")] {
        let mut queues = queues(LIMITS);
        for number in 0..90 {
            let junk = arrival(envelope_about(Topic(*b"same"), number), 9.0, junk);
            assert!(queues.push(OWNER, true, junk).is_empty());
        }
        let message = arrival(envelope_about(Topic(topic), 99), 1.0, honest);
        assert!(queues.push(OWNER, named, message).is_empty());
        let turn = (0..).find(|_| pop(&mut queues) == Some(99)).unwrap();
        assert!(turn <= 16, "{turn} private keys were tried first");
    }
}

#[test]
fn owners_take_turns() {
    let mut queues = queues(LIMITS);
    for number in 0..50 {
        let crowd = Source::Direct(NodeId([u8::try_from(number).unwrap(); 64]));
        assert!(queues.push(OWNER, true, arrival(envelope(number), 9.0, crowd)).is_empty());
    }
    let other = Client { key: 2, weight: 1 };
    assert!(queues.push(other, true, arrival(envelope(99), 1.0, direct())).is_empty());
    let turn = (0..).find(|_| pop(&mut queues) == Some(99)).unwrap();
    assert!(turn <= 16, "{turn} private keys were tried first");
}

#[test]
fn few_keep_their_order_and_of_many_the_most_work_is_first() {
    let mut queues = queues(QueueLimits { items: 1000, bytes: 1 << 20 });
    let few = u64::try_from(MAX_IN_ORDER).unwrap();
    for number in 0..few {
        let amount = f64::from(u32::try_from(number).unwrap());
        assert!(queues.push(OWNER, false, arrival(envelope(number), amount, peer())).is_empty());
    }
    for (number, amount) in [(101, 1.0), (102, 3.0), (103, 2.0)] {
        assert!(queues.push(OWNER, false, arrival(envelope(number), amount, peer())).is_empty());
    }
    for number in 0..few {
        assert_eq!(pop(&mut queues), Some(number), "few keep their order");
    }
    assert_eq!([(); 3].map(|()| pop(&mut queues)), [Some(102), Some(103), Some(101)]);
}

#[test]
fn what_does_not_fit_is_tried_again_when_there_is_room() {
    let mut queues = queues(QueueLimits { items: 4, bytes: 1 << 20 });
    for number in 0..8 {
        let amount = f64::from(u32::try_from(number).unwrap());
        let lost = queues.push(OWNER, false, arrival(envelope(number), amount, peer()));
        assert!(lost.is_empty(), "the pool has them");
    }
    let hashes = |numbers: [u64; 2]| numbers.map(|number| *envelope(number).hash());
    assert!(
        queues.holds(envelope(4).hash(), None) && queues.take_missed(9).is_empty(),
        "no room yet"
    );
    assert_eq!([(); 2].map(|()| pop(&mut queues)), [Some(0), Some(7)]);
    let missed: Vec<_> = queues.take_missed(2).iter().map(|missed| missed.hash).collect();
    assert_eq!(missed, hashes([4, 3]), "the most work first");
}

#[test]
fn a_direct_message_that_does_not_fit_is_lost() {
    let mut queues = queues(QueueLimits { items: 1, bytes: 1 << 20 });
    assert!(queues.push(OWNER, false, arrival(envelope(1), 2.0, direct())).is_empty());
    let lost = queues.push(OWNER, false, arrival(envelope(2), 1.0, direct()));
    assert_eq!(lost, [(Reason::DirectQueueFull, Some(*envelope(2).hash()))]);
}

#[test]
fn only_a_source_above_its_share_waits() {
    let [junk, honest] = slots();
    let (junk, honest) = (Source::Peer(junk), Source::Peer(honest));
    let mut queues = queues(QueueLimits { items: 10, bytes: 1 << 20 });
    assert!(queues.push(OWNER, false, arrival(envelope(0), 1.0, honest)).is_empty());
    for number in 1..9 {
        assert!(!queues.is_full_for(junk), "there is room");
        assert!(queues.push(OWNER, false, arrival(envelope(number), 1.0, junk)).is_empty());
    }
    assert!(queues.is_full_for(junk) && !queues.is_full_for(honest));
    pop(&mut queues);
    pop(&mut queues);
    assert!(!queues.is_full_for(junk));
}

#[test]
fn the_largest_envelope_fits_alone() {
    let mut queues = queues(QueueLimits { items: 9, bytes: 500 });
    let large = || arrival(envelope_of_size(900, 1), 1.0, direct());
    assert!(queues.push(OWNER, false, large()).is_empty());
    assert_eq!(queues.push(OWNER, false, large()).len(), 1);
    assert_eq!(queues.len(), [0, 1]);
}

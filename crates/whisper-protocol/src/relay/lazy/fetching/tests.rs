use super::*;
use crate::relay::lazy::wire::MAX_IDS;

const SALT: Salt = Salt([9; 16]);

const MS: Duration = Duration::from_millis(1);

/// Longer than any answer takes.
const LONG: Duration = Duration::from_secs(10);

fn hash(number: u64) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&number.to_le_bytes());
    hash
}

fn id(number: u64) -> ShortId {
    SALT.id(&hash(number))
}

/// The machine with this many peers.
fn fetching(peers: usize) -> Fetching {
    let mut fetching = Fetching::new(SALT);
    (0..peers).for_each(|peer| fetching.join(peer));
    fetching
}

fn have(fetching: &mut Fetching, peer: usize, numbers: &[u64]) -> Vec<Ticket> {
    let announced: Vec<_> =
        numbers.iter().map(|number| Announced { class: 0, id: id(*number) }).collect();
    fetching.handle_have(peer, &announced)
}

/// The ids that a peer is asked for now.
fn wants(fetching: &mut Fetching, uptime: Duration, peer: usize) -> Vec<ShortId> {
    let mut wants = Vec::new();
    while let Some(message) = fetching.poll_message(uptime, peer) {
        match message {
            LazyMessage::Want(ids) => wants.extend(ids),
            LazyMessage::Push(_) => {}
            other => panic!("{other:?}"),
        }
    }
    wants
}

/// The peer is asked for what it announces and does not send it.
fn fail(fetching: &mut Fetching, peer: usize, number: u64) {
    have(fetching, peer, &[number]);
    assert_eq!(wants(fetching, MS, peer), [id(number)]);
    fetching.handle_timeout(LONG, peer);
    fetching.handle_arrived(&hash(number), None);
}

#[test]
fn what_is_announced_is_asked_for_once() {
    let mut fetching = fetching(3);
    assert_eq!(have(&mut fetching, 0, &[1, 2]), []);
    have(&mut fetching, 1, &[1]);
    have(&mut fetching, 0, &[1]);
    assert_eq!(wants(&mut fetching, MS, 0), [id(1), id(2)]);
    assert_eq!(wants(&mut fetching, MS, 1), []);
    assert_eq!(fetching.handle_arrived(&hash(1), Some(0)), Announcers(vec![0, 1]));
    assert_eq!(fetching.handle_arrived(&hash(1), Some(0)), Announcers(vec![]));
    fetching.handle_admitted(&hash(1), Ticket::at(7), 100);
    assert_eq!(have(&mut fetching, 2, &[1]), [Ticket::at(7)], "it has what is here");
    assert_eq!(wants(&mut fetching, MS, 2), []);
    assert_eq!(fetching.counts(), FetchCounts { asked: 2, unanswered: 0 });
}

#[test]
fn the_next_announcer_is_asked_when_the_first_does_not_answer() {
    let mut fetching = fetching(3);
    (0..3).for_each(|peer| drop(have(&mut fetching, peer, &[1])));
    assert_eq!(wants(&mut fetching, MS, 0), [id(1)]);
    let deadline = fetching.poll_timeout(0).unwrap();
    assert!(deadline > MS + ANSWER_TIME);
    fetching.handle_timeout(deadline - MS, 0);
    assert_eq!(wants(&mut fetching, deadline, 1), []);
    let _ = fetching.take_wakes();
    fetching.handle_timeout(deadline, 0);
    assert_eq!(fetching.take_wakes(), [1]);
    assert_eq!(wants(&mut fetching, deadline, 1), [id(1)]);
    assert_eq!(fetching.poll_timeout(0), None);
    fetching.leave(1);
    assert_eq!(wants(&mut fetching, deadline, 2), [id(1)], "the second one has left");
    assert_eq!(fetching.counts(), FetchCounts { asked: 3, unanswered: 1 });
}

#[test]
fn each_announcer_is_asked_twice_and_then_the_envelope_is_given_up() {
    let mut fetching = fetching(2);
    (0..2).for_each(|peer| drop(have(&mut fetching, peer, &[1])));
    for (round, peer) in (0..).zip([0, 1, 0, 1]) {
        assert_eq!(wants(&mut fetching, LONG * round, peer), [id(1)], "{round}");
        fetching.handle_timeout(LONG * (round + 1), peer);
    }
    assert!((0..2).all(|peer| wants(&mut fetching, LONG * 9, peer).is_empty()));
    assert_eq!((fetching.asks.len(), fetching.memory(0), fetching.memory(1)), (0, 0, 0));
    have(&mut fetching, 1, &[1]);
    assert_eq!(wants(&mut fetching, LONG * 9, 1), [id(1)], "it is announced again");
}

#[test]
fn one_that_does_not_deliver_is_asked_last() {
    let mut fetching = fetching(3);
    fail(&mut fetching, 0, 1);
    // It announces first, and is asked, because no other peer has the envelope; then another one is asked at once.
    have(&mut fetching, 0, &[2]);
    assert_eq!(wants(&mut fetching, MS, 0), [id(2)]);
    have(&mut fetching, 1, &[2]);
    have(&mut fetching, 2, &[2]);
    assert_eq!(wants(&mut fetching, MS, 1), [id(2)]);
    assert_eq!(wants(&mut fetching, MS, 2), []);
    fetching.handle_timeout(LONG, 0);
    assert_eq!(wants(&mut fetching, LONG, 2), [], "the second one is waited for");
    fetching.handle_timeout(LONG, 1);
    assert_eq!(wants(&mut fetching, LONG, 2), [id(2)]);
    // It delivers, and is asked like the others again.
    fetching.handle_arrived(&hash(2), Some(0));
    have(&mut fetching, 0, &[3]);
    have(&mut fetching, 2, &[3]);
    assert_eq!(
        (wants(&mut fetching, LONG, 0), wants(&mut fetching, LONG, 2)),
        (vec![], vec![id(3)])
    );
    fetching.handle_arrived(&hash(3), Some(2));
    fetching.leave(2);
    have(&mut fetching, 0, &[4]);
    assert_eq!(wants(&mut fetching, LONG, 0), [id(4)]);
    fetching.handle_arrived(&hash(4), Some(0));
    assert!(fetching.peers[0].as_ref().unwrap().is_reliable());
}

#[test]
fn a_peer_is_asked_for_a_limited_amount_at_a_time() {
    let mut fetching = fetching(1);
    let large = |number| Announced { class: 11, id: id(number) };
    fetching.handle_have(0, &[large(1), large(2), large(3)]);
    assert_eq!(wants(&mut fetching, MS, 0), [id(1), id(2)], "512 KiB each");
    fetching.handle_arrived(&hash(1), Some(0));
    assert!(fetching.take_wakes().contains(&0));
    assert_eq!(wants(&mut fetching, MS, 0), [id(3)]);
    let huge = Announced { class: 16, id: id(4) };
    fetching.handle_have(0, &[huge]);
    assert_eq!(wants(&mut fetching, MS, 0), []);
    fetching.handle_timeout(LONG, 0);
    assert!(wants(&mut fetching, LONG, 0).contains(&id(4)), "one at least");
}

/// Ids that nothing has take room of their announcer only.
#[test]
fn a_peer_that_announces_what_does_not_exist_is_limited() {
    let mut fetching = fetching(2);
    let numbers: Vec<u64> = (0..2 * MAX_ANNOUNCED as u64).collect();
    numbers.chunks(MAX_IDS).for_each(|numbers| drop(have(&mut fetching, 0, numbers)));
    assert_eq!(fetching.asks.len(), MAX_ANNOUNCED);
    have(&mut fetching, 1, &[u64::MAX]);
    assert_eq!(wants(&mut fetching, MS, 1), [id(u64::MAX)], "the other one is served");
    let asked = wants(&mut fetching, MS, 0).len();
    assert!(asked <= MAX_ASKED_BYTES / 256, "{asked}");
    fetching.leave(0);
    assert_eq!((fetching.asks.len(), fetching.memory(0)), (1, 0));
}

#[test]
fn announcements_that_did_not_fit_are_asked_for_again_when_there_is_room() {
    let mut fetching = fetching(1);
    let numbers: Vec<u64> = (0..=MAX_ANNOUNCED as u64).collect();
    have(&mut fetching, 0, &numbers);
    assert!(matches!(fetching.poll_message(MS, 0), Some(LazyMessage::Want(_))), "no room yet");
    numbers.iter().for_each(|number| drop(fetching.handle_arrived(&hash(*number), Some(0))));
    assert_eq!(fetching.poll_message(2 * MS, 0), Some(LazyMessage::Again));
    assert_eq!(fetching.poll_message(2 * MS, 0), None);
    have(&mut fetching, 0, &numbers);
    numbers.iter().for_each(|number| drop(fetching.handle_arrived(&hash(*number), Some(0))));
    assert_eq!(fetching.poll_message(3 * MS, 0), None, "not too often");
    let later = fetching.poll_timeout(0).unwrap();
    assert_eq!(fetching.poll_message(later, 0), Some(LazyMessage::Again));
}

#[test]
fn what_was_rejected_is_not_asked_for_again() {
    let mut fetching = fetching(2);
    have(&mut fetching, 0, &[1]);
    fetching.handle_rejected(&hash(1), 100);
    assert_eq!(have(&mut fetching, 1, &[1]), []);
    assert_eq!(wants(&mut fetching, MS, 1), []);
    fetching.expire(101);
    have(&mut fetching, 1, &[1]);
    assert_eq!(wants(&mut fetching, MS, 1), [id(1)]);
}

#[test]
fn the_peer_that_is_first_most_often_is_told_to_push_once() {
    let mut fetching = fetching(6);
    (0..40).for_each(|_| fetching.handle_first(3));
    assert!(fetching.take_wakes().contains(&3));
    assert_eq!(fetching.poll_message(MS, 3), Some(LazyMessage::Push(16 * 1024)));
    assert_eq!(fetching.poll_message(MS, 3), None);
    // With few peers, everything is pushed anyway.
    fetching.leave(0);
    fetching.leave(1);
    assert_eq!(fetching.poll_message(MS, 3), Some(LazyMessage::Push(0)));
}

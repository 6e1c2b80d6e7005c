//! Several archives, each with its own order, kept up in any order, with readers that stop and go on.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use whisper_envelope::{Topic, Unsealed};

use super::*;
use crate::archive::history::expected::{BEHIND, LATE};

const NOW: u32 = 1_700_000_000;

fn stored(arrival: u64, number: u64, ttl: u32) -> StoredEnvelope {
    sent_at(NOW, arrival, number, ttl)
}

fn sent_at(sent: u32, arrival: u64, number: u64, ttl: u32) -> StoredEnvelope {
    let envelope = Unsealed::v6(sent + ttl, ttl, Topic([1; 4]), b"").seal(number);
    StoredEnvelope { arrival, envelope }
}

/// Whether the node of an archive is followed: none is.
fn none(_: &NodeTag) -> bool {
    false
}

/// An archive at a node of its own.
fn id(index: usize) -> ArchiveAt {
    let id = [u8::try_from(index).unwrap() + 1; 8];
    ArchiveAt { id: ArchiveId(id), node: id }
}

fn index(arrival: u64) -> usize {
    usize::try_from(arrival).unwrap()
}

/// The archives, and a reader that keeps only its cursor when it stops.
struct World {
    archives: Vec<Vec<StoredEnvelope>>,
    merge: Merge,
    delivered: BTreeMap<u64, usize>,
    doubts: usize,
}

impl World {
    fn new(count: usize) -> Self {
        let merge = Merge::new(NOW, &HistoryCursor::default());
        let archives = vec![Vec::new(); count];
        Self { archives, merge, delivered: BTreeMap::new(), doubts: 0 }
    }

    fn append(&mut self, archive: usize, number: u64) {
        let known = |stored: &StoredEnvelope| stored.envelope.nonce() == number;
        if !self.archives[archive].iter().any(known) {
            let arrival = self.archives[archive].len() as u64 + 1;
            // Some expire soon.
            let ttl = if number.is_multiple_of(3) { 10 } else { 5000 };
            self.archives[archive].push(stored(arrival, number, ttl));
        }
    }

    /// Reads up to `count` envelopes of an archive.
    fn read(&mut self, archive: usize, count: usize, now: u32) {
        self.read_part(archive, count, usize::MAX, now);
    }

    /// As [`World::read`], and stops after `part` envelopes that are new, as a reader with a limit does.
    fn read_part(&mut self, archive: usize, count: usize, part: usize, now: u32) {
        let id = id(archive);
        self.merge.add(id, none);
        let after = self.merge.end(id);
        let page: Vec<_> =
            self.archives[archive].iter().skip(index(after)).take(count).cloned().collect();
        let end = after + page.len() as u64;
        let Sorted { mut new, doubtful } = self.merge.sort(id, page);
        self.doubts += doubtful.len();
        for doubt in doubtful {
            let others: Vec<_> = self.merge.others(id).collect();
            let had = others.into_iter().any(|(other, end)| {
                let other = &self.archives[usize::from(other.node[0]) - 1];
                other[..index(end)].iter().any(|stored| stored.envelope == doubt.envelope)
            });
            if !had {
                new.push(doubt);
            }
        }
        new.sort_unstable_by_key(|stored| stored.arrival);
        let end = if part < new.len() {
            new.truncate(part);
            new.last().map_or(after, |stored| stored.arrival)
        } else {
            end
        };
        for stored in &new {
            *self.delivered.entry(stored.envelope.nonce()).or_default() += 1;
        }
        self.merge.deliver(now, id, &new, end);
        if end == self.archives[archive].len() as u64 {
            self.merge.handle_caught_up(now, id);
        }
    }

    /// The reader is killed. It has its cursor, as text.
    fn restart(&mut self, now: u32) {
        let cursor = self.merge.cursor([1; 8]).to_string();
        self.merge = Merge::new(now, &cursor.parse().unwrap());
    }

    fn check(&self) {
        let all = self.archives.iter().flatten().map(|stored| stored.envelope.nonce());
        let all: BTreeSet<u64> = all.collect();
        assert_eq!(self.delivered.keys().copied().collect::<BTreeSet<_>>(), all, "missed");
        assert!(self.delivered.values().all(|times| *times == 1), "{:?}", self.delivered);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append(usize, u64),
    Read(usize, usize),
    /// Stops within a page, and goes on from the cursor.
    ReadPart(usize, usize, usize),
    Restart,
    Wait(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_usize, 0..40_u64).prop_map(|(archive, number)| Step::Append(archive, number)),
        4 => (0..3_usize, 1..6_usize).prop_map(|(archive, count)| Step::Read(archive, count)),
        2 => (0..3_usize, 1..9_usize, 0..3_usize)
            .prop_map(|(archive, count, part)| Step::ReadPart(archive, count, part)),
        1 => Just(Step::Restart),
        1 => (0..100_u32).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn each_envelope_is_delivered_once(steps in steps()) {
        let (mut world, mut now) = (World::new(3), NOW);
        for step in steps {
            match step {
                Step::Append(archive, number) => world.append(archive, number),
                Step::Read(archive, count) => world.read(archive, count, now),
                Step::ReadPart(archive, count, part) => {
                    world.read_part(archive, count, part, now);
                    world.restart(now);
                }
                Step::Restart => world.restart(now),
                Step::Wait(seconds) => now += seconds,
            }
        }
        for archive in 0..3 {
            world.read(archive, usize::MAX, now);
        }
        world.check();
    }
}

#[test]
fn what_comes_from_two_archives_is_delivered_once_without_asking() {
    let mut world = World::new(2);
    world.read(0, 9, NOW);
    world.read(1, 9, NOW);
    for number in [1, 2, 4, 5] {
        world.append(0, number);
    }
    for number in [5, 2, 7, 1, 4] {
        world.append(1, number);
    }
    for _ in 0..5 {
        world.read(0, 1, NOW);
        world.restart(NOW);
        world.read(1, 1, NOW);
    }
    world.check();
    assert_eq!(world.doubts, 0);
}

#[test]
fn a_cursor_forgets_what_an_archive_will_not_bring_any_more() {
    let mut world = World::new(2);
    world.read(1, 9, NOW);
    for number in 0..60 {
        world.append(0, number);
    }
    world.read(0, 100, NOW);
    let expected = |world: &World| world.merge.cursor([1; 8]).archives[0].expected.len();
    assert_eq!(expected(&world), 60);
    world.read(1, 9, NOW + 10 + LATE);
    assert_eq!(expected(&world), 60, "they may still come");
    world.read(1, 9, NOW + 21 + LATE);
    assert_eq!(expected(&world), 40, "a third has expired");
    world.append(1, 3);
    world.append(1, 100);
    world.read(1, 9, NOW + 21 + LATE);
    assert_eq!(world.doubts, 1, "it comes nevertheless: the other archive knows");
    world.check();
}

#[test]
fn too_many_expected_envelopes_are_in_doubt_and_not_lost() {
    let mut world = World::new(2);
    world.read(1, 9, NOW);
    let count = u32::try_from(MAX_EXPECTED).unwrap() + 500;
    for number in 1..=count {
        world.archives[0].push(stored(number.into(), number.into(), 1000 + number));
    }
    world.read(0, usize::MAX, NOW);
    world.restart(NOW);
    let place = &world.merge.cursor([1; 8]).archives[0];
    assert_eq!((place.expected.len(), place.forgotten.expiry), (MAX_EXPECTED, NOW + 1500));
    world.archives[1] = world.archives[0].clone();
    world.read(1, usize::MAX, NOW);
    assert_eq!(world.doubts, 500);
    world.check();
}

#[test]
fn an_archive_that_lacks_what_others_have_is_noticed() {
    let mut merge = Merge::new(NOW, &HistoryCursor::default());
    merge.add(id(0), none);
    merge.add(id(1), none);
    let [first, second] = [stored(1, 1, 5000), stored(2, 2, 5000)];
    merge.deliver(NOW, id(0), &[first.clone(), second], 2);
    assert_eq!(merge.handle_caught_up(NOW + BEHIND, id(1)), Some(0), "it has some time");
    assert_eq!(merge.handle_caught_up(NOW + BEHIND + 9, id(1)), None, "looked at a moment ago");
    assert_eq!(merge.handle_caught_up(NOW + BEHIND + 10, id(1)), Some(2));
    assert_eq!(merge.handle_caught_up(NOW + BEHIND + 10, id(0)), Some(0));
    assert_eq!(merge.sort(id(1), vec![first]), Sorted::default());
    merge.deliver(NOW, id(1), &[], 1);
    assert_eq!(merge.handle_caught_up(NOW + BEHIND + 20, id(1)), Some(1));
}

#[test]
fn a_node_with_another_archive_is_noticed() {
    let mut merge = Merge::new(NOW, &HistoryCursor::default());
    assert_eq!(merge.add(id(0), none), None);
    merge.deliver(NOW, id(0), &[stored(1, 1, 50)], 1);
    let other = ArchiveAt { id: id(1).id, node: id(0).node };
    assert_eq!(merge.add(other, none), Some(id(0).id));
    assert_eq!((merge.end(id(0)), merge.end(other)), (0, 0));
    let sorted = merge.sort(other, vec![stored(1, 1, 50), stored(2, 2, 51)]);
    assert_eq!((sorted.new.len(), sorted.doubtful.len()), (1, 1), "it may have been delivered");
}

/// Two nodes with one database, or a node that moved, or one that lies.
#[test]
fn an_archive_at_two_nodes_comes_once_and_neither_changes_how_far_the_other_was_read() {
    let mut merge = Merge::new(NOW, &HistoryCursor::default());
    let (one, other) = (id(0), ArchiveAt { node: [9; 8], ..id(0) });
    merge.add(one, none);
    merge.deliver(NOW, one, &[stored(1, 1, 50)], 1);
    assert_eq!(merge.add(other, none), None);
    assert_eq!(merge.end(other), 1, "it goes on there");
    let next = || vec![stored(2, 2, 50), stored(3, 3, 50)];
    assert_eq!(merge.sort(one, next()).new.len(), 2);
    merge.deliver(NOW, one, &next(), 3);
    assert_eq!(merge.sort(other, next()), Sorted::default(), "both have delivered them");
    merge.deliver(NOW, other, &[], 5000);
    let cursor: HistoryCursor = merge.cursor([1; 8]).to_string().parse().unwrap();
    let merge = Merge::new(NOW, &cursor);
    assert_eq!((merge.end(one), merge.end(other)), (3, 5000));
}

/// An archive that is read for the first time, and one that lies about times.
#[test]
fn what_was_sent_after_everything_that_was_forgotten_is_not_in_doubt() {
    let mut merge = Merge::new(NOW, &HistoryCursor::default());
    merge.add(id(0), none);
    let forever = Unsealed::v6(u32::MAX, 5, Topic([1; 4]), b"").seal(1);
    let forever = StoredEnvelope { arrival: 1, envelope: forever };
    merge.deliver(NOW, id(0), &[forever, sent_at(NOW, 2, 2, u32::MAX - NOW)], 2);
    merge.add(id(1), none);
    let hours = |hours: u32| sent_at(NOW + hours * 3600, hours.into(), hours.into(), 50);
    let cursor = merge.cursor([1; 8]).to_string();
    let mut merge = Merge::new(NOW, &cursor.parse().unwrap());
    let sorted = merge.sort(id(1), vec![hours(1), hours(2), hours(3)]);
    assert_eq!((sorted.doubtful, sorted.new), (vec![hours(1)], vec![hours(2), hours(3)]));
}

/// What one archive brings does not make a reader forget what the others brought, however late it expires.
#[test]
fn an_archive_that_brings_too_much_is_forgotten_before_the_others() {
    let mut merge = Merge::new(NOW, &HistoryCursor::default());
    for index in 0..3 {
        merge.add(id(index), none);
    }
    let honest: Vec<_> = (1..=1000).map(|number| stored(number, number, 50)).collect();
    merge.deliver(NOW, id(0), &honest, 1000);
    let flood = |number: u64| sent_at(NOW, number, 1_000_000 + number, u32::MAX - NOW);
    for part in 0..3 {
        let part: Vec<_> = (0..60_000).map(|number| flood(part * 60_000 + number)).collect();
        merge.deliver(NOW, id(1), &part, 1);
        let cursor = merge.cursor([1; 8]).to_string();
        merge = Merge::new(NOW, &cursor.parse().unwrap());
    }
    assert_eq!(merge.sort(id(2), honest), Sorted::default(), "all of them are known");
}

#[test]
fn an_archive_that_is_followed_is_not_forgotten_for_another_one() {
    let mut merge = Merge::new(NOW, &HistoryCursor::default());
    for index in 0..MAX_ARCHIVES {
        merge.add(id(index), none);
        merge.deliver(NOW, id(index), &[], 7);
    }
    let is_followed = |node: &NodeTag| *node == id(0).node;
    merge.add(id(MAX_ARCHIVES), is_followed);
    let ends = [0, 1, 2, MAX_ARCHIVES].map(|index| merge.end(id(index)));
    assert_eq!(ends, [7, 0, 7, 0]);
}

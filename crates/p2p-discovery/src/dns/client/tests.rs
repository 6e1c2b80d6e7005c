//! The client with a simulated DNS, on virtual time.

use std::{collections::BTreeSet, time::Duration};

use p2p_identity::{Content, NodeId, SecretKey};
use p2p_world::HashMap;
use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::dns::tree::Tree;

fn key(n: u16) -> SecretKey {
    let mut bytes = [1; 32];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    SecretKey::from_bytes(&bytes).unwrap()
}

fn records(range: std::ops::Range<u16>) -> Vec<Record> {
    range.map(|n| Record::sign(&key(n), 1, &Content::new().udp(n)).unwrap()).collect()
}

/// A client, a DNS that answers its queries immediately, and the time.
struct World {
    zones: HashMap<String, Vec<String>>,
    asked: Vec<String>,
    client: ListClient,
    now: Instant,
    rng: StdRng,
}

impl World {
    fn new(config: ListClientConfig) -> Self {
        Self {
            zones: HashMap::default(),
            asked: Vec::new(),
            client: ListClient::new(config),
            now: Instant::now(),
            rng: StdRng::seed_from_u64(7),
        }
    }

    /// Adds a list to the DNS, and returns its address.
    fn publish(&mut self, tree: &Tree, domain: &str) -> Link {
        let link = tree.link(domain).unwrap();
        for (label, text) in tree.texts() {
            let name = label.map_or(domain.to_owned(), |label| link.name_of(&label));
            self.zones.insert(name, vec!["v=spf1 -all".to_owned(), text]);
        }
        link
    }

    fn follow(&mut self, link: &Link) {
        assert!(self.client.add(link.clone(), self.now));
    }

    fn answer(&mut self, query: &TxtQuery) {
        self.asked.push(query.name.clone());
        let texts = self.zones.get(&query.name).cloned().unwrap_or_default();
        self.client.handle_answer(query.number, &texts, self.now);
    }

    /// Runs the client for this time, answers its queries, and returns the nodes that it found.
    fn run(&mut self, time: Duration) -> Vec<NodeId> {
        let (end, mut found) = (self.now + time, Vec::new());
        loop {
            while let Some(record) = self.client.poll_record() {
                found.push(record.id());
            }
            if let Some(query) = self.client.poll_query(self.now, &mut self.rng) {
                self.answer(&query);
            } else if self.client.found.is_empty() {
                match self.client.poll_timeout(self.now) {
                    Some(at) if at <= end => {
                        assert!(at > self.now, "the client is in a busy loop");
                        self.now = at;
                    }
                    _ => break,
                }
            }
        }
        self.now = end;
        found
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// A configuration with a single walk.
fn once() -> ListClientConfig {
    ListClientConfig { walk_interval: 1000 * MINUTE, ..ListClientConfig::default() }
}

fn ids(records: &[Record]) -> BTreeSet<NodeId> {
    records.iter().map(Record::id).collect()
}

#[test]
fn a_list_is_read_completely_each_name_once_at_the_configured_rate() {
    let mut world = World::new(once());
    let nodes = records(10..60);
    let link = world.publish(&Tree::sign(&key(1), 1, nodes.clone(), []), "nodes.example.org");
    world.follow(&link);
    let start = world.now;
    let found = world.run(MINUTE);
    assert_eq!((found.len(), found.into_iter().collect()), (50, ids(&nodes)));
    // The root, two branching levels over 50 leaves, and the empty tree of links.
    assert_eq!(world.asked.len(), 1 + 1 + 4 + 50 + 1);
    assert_eq!(world.asked.iter().collect::<BTreeSet<_>>().len(), world.asked.len());
    assert!(world.client.progress().is_done() && world.client.stats().queries == 57);
    assert_eq!(world.now, start + MINUTE);

    let mut slow = World::new(once());
    slow.publish(&Tree::sign(&key(1), 1, nodes, []), "nodes.example.org");
    slow.follow(&link);
    slow.run(Duration::from_secs(1));
    assert_eq!(slow.asked.len(), 10 + 3, "the burst, and three in the next second");
}

#[test]
fn there_is_no_query_while_a_record_waits() {
    let mut world = World::new(once());
    let link = world.publish(&Tree::sign(&key(1), 1, records(10..12), []), "a.example");
    world.follow(&link);
    while world.client.found.is_empty() {
        let query = world.client.poll_query(world.now, &mut world.rng).unwrap();
        world.answer(&query);
    }
    assert_eq!(world.client.poll_query(world.now, &mut world.rng), None);
    assert!(world.client.poll_record().is_some());
    assert!(world.client.poll_query(world.now, &mut world.rng).is_some());
}

#[test]
fn of_a_new_root_only_changed_entries_are_read() {
    let mut world = World::new(once());
    let nodes = records(10..40);
    let link = world.publish(&Tree::sign(&key(1), 1, nodes[..29].to_vec(), []), "a.example");
    world.follow(&link);
    world.run(MINUTE);
    world.asked.clear();

    world.publish(&Tree::sign(&key(1), 2, nodes.clone(), []), "a.example");
    let found: BTreeSet<NodeId> = world.run(31 * MINUTE).into_iter().collect();
    assert_eq!((found, world.client.sequence(&link)), (ids(&nodes), Some(2)));
    // The root, the branch above the branches, the branches that changed, one leaf.
    assert!(world.asked.len() <= 6, "{:?}", world.asked);

    // An attacker replays the old root.
    world.publish(&Tree::sign(&key(1), 1, nodes[..29].to_vec(), []), "a.example");
    world.run(31 * MINUTE);
    assert_eq!(world.client.sequence(&link), Some(2));
    assert!(world.client.stats().older_roots > 0);
    assert!(world.client.stats().older_roots < 20, "the pauses of such a list grow");
}

#[test]
fn linked_lists_are_read_once_each_even_in_a_circle_and_dropped_with_the_link() {
    let mut world = World::new(once());
    let tree = |n: u16, sequence, links: &[Link]| {
        Tree::sign(&key(n), sequence, records(n * 10..n * 10 + 3), links.iter().cloned())
    };
    let links: Vec<Link> = (1..=3)
        .map(|n| Link::new(key(n).public_key(), &format!("l{n}.example")).unwrap())
        .collect();
    // 1 links 2, 2 links 3 and itself, 3 links 1.
    world.publish(&tree(1, 1, &links[1..2]), "l1.example");
    world.publish(&tree(2, 1, &links[1..3]), "l2.example");
    world.publish(&tree(3, 1, &links[..1]), "l3.example");
    world.follow(&links[0]);
    assert_eq!(world.run(MINUTE).len(), 9);
    assert_eq!(world.client.progress().lists, 3);

    world.publish(&tree(1, 2, &[]), "l1.example");
    world.run(31 * MINUTE);
    assert_eq!(world.client.progress().lists, 1, "no reachable list links to them");
}

#[test]
fn links_beyond_the_limit_are_dropped_and_counted() {
    let mut world = World::new(ListClientConfig { max_lists: 3, ..once() });
    let links: Vec<Link> = (2..20)
        .map(|n| Link::new(key(n).public_key(), &format!("l{n}.example")).unwrap())
        .collect();
    let link = world.publish(&Tree::sign(&key(1), 1, [], links), "l1.example");
    world.follow(&link);
    world.run(MINUTE);
    assert_eq!((world.client.progress().lists, world.client.stats().lists_dropped), (3, 16));
}

#[test]
fn forged_missing_and_misplaced_entries_are_skipped_and_counted() {
    let mut world = World::new(once());
    let nodes = records(10..13);
    let tree = Tree::sign(&key(1), 1, nodes.clone(), []);
    let link = world.publish(&tree, "a.example");
    let name = |record: &Record| link.name_of(&Label::of(&record.to_string()));
    // The name of the first has another record; the second is missing.
    world.zones.insert(name(&nodes[0]), vec![records(99..100)[0].to_string()]);
    world.zones.remove(&name(&nodes[1]));
    world.follow(&link);
    assert_eq!(world.run(MINUTE), [nodes[2].id()]);
    let stats = world.client.stats();
    assert_eq!((stats.refused.wrong_hashes, stats.missing), (1, 1));
    assert!(world.client.progress().is_done());

    // A list whose links are records and whose records are links.
    let other = Link::new(key(3).public_key(), "b.example").unwrap();
    let swapped = Tree::sign(&key(2), 1, nodes, [other]);
    let root = Root::sign(&key(2), swapped.root().links, swapped.root().records, 1);
    let link = world.publish(&swapped, "c.example");
    world.zones.insert("c.example".to_owned(), vec![root.to_string()]);
    world.follow(&link);
    assert!(world.run(MINUTE).is_empty());
    assert_eq!(world.client.stats().refused.bad_entries, 4);
    assert_eq!(world.client.progress().lists, 2);
}

#[test]
fn a_root_of_another_key_is_refused() {
    let mut world = World::new(once());
    world.publish(&Tree::sign(&key(2), 9, records(10..13), []), "a.example");
    let link = Link::new(key(1).public_key(), "a.example").unwrap();
    world.follow(&link);
    assert!(world.run(MINUTE).is_empty());
    assert_eq!(world.client.sequence(&link), None);
    // At 0, 10 and 30 seconds; the next query would be at 70.
    assert_eq!(world.client.stats().bad_roots, 3);
    // Once the DNS has the right root, it is accepted.
    world.publish(&Tree::sign(&key(1), 1, records(10..13), []), "a.example");
    assert_eq!(world.run(MINUTE).len(), 3);
}

#[test]
fn a_query_without_answer_times_out_and_is_repeated() {
    let mut world = World::new(once());
    let link = world.publish(&Tree::sign(&key(1), 1, records(10..13), []), "a.example");
    world.follow(&link);
    let query = world.client.poll_query(world.now, &mut world.rng).unwrap();
    assert_eq!(world.client.poll_query(world.now, &mut world.rng), None);
    assert_eq!(world.client.poll_timeout(world.now), Some(world.now + Duration::from_secs(5)));
    world.now += Duration::from_secs(5);
    assert_eq!(world.client.poll_query(world.now, &mut world.rng), None, "it pauses");
    assert_eq!(world.client.poll_timeout(world.now), Some(world.now + Duration::from_secs(10)));
    assert!(world.client.progress().is_done(), "nothing can be read now");
    // A late answer.
    let texts = world.zones["a.example"].clone();
    world.client.handle_answer(query.number, &texts, world.now);
    assert_eq!((world.client.stats().unanswered, world.client.stats().late), (1, 1));
    assert_eq!(world.run(MINUTE).len(), 3);
    assert!(!world.client.lists[0].is_paused());
}

#[test]
fn nodes_are_given_out_again_from_the_cache() {
    let mut world =
        World::new(ListClientConfig { walk_interval: MINUTE, ..ListClientConfig::default() });
    let link = world.publish(&Tree::sign(&key(1), 1, records(10..13), []), "a.example");
    world.follow(&link);
    assert_eq!(world.run(MINUTE - Duration::from_secs(1)).len(), 3);
    let asked = world.asked.len();
    assert_eq!(world.run(5 * MINUTE).len(), 15);
    assert_eq!(world.asked.len(), asked);
}

#[test]
fn an_endless_tree_is_limited() {
    let mut world = World::new(ListClientConfig { max_entries: 40, ..once() });
    let link = world.publish(&Tree::sign(&key(1), 1, records(10..100), []), "a.example");
    world.follow(&link);
    let found = world.run(MINUTE).len();
    let stats = world.client.stats();
    assert!((20..40).contains(&found) && stats.entries_dropped > 0, "{found} {stats:?}");
}

//! Making lists: the example of EIP-1459, and lists of any size.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashSet};

use p2p_discovery::dns::{Label, Link, Root, RootError, Tree, TreeEntry};
use p2p_identity::{Content, PublicKey, Record, SecretKey};
use proptest::prelude::*;
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors/eip1459.json")).unwrap()
}

fn key(n: u16) -> SecretKey {
    let mut bytes = [1; 32];
    bytes[..2].copy_from_slice(&n.to_be_bytes());
    SecretKey::from_bytes(&bytes).unwrap()
}

fn record(n: u16, sequence: u64) -> Record {
    Record::sign(&key(n), sequence, &Content::new().udp(n)).unwrap()
}

fn link(n: u16) -> Link {
    Link::new(key(n).public_key(), &format!("list{n}.example.org")).unwrap()
}

#[test]
fn the_example_of_the_specification_is_read_and_made() {
    let vectors = vectors();
    let (mut records, mut links) = (Vec::new(), Vec::new());
    for (name, text) in vectors["entries"].as_object().unwrap() {
        let text = text.as_str().unwrap();
        let label = Label::parse(name).unwrap();
        assert!(label.names(text) && label == Label::of(text));
        let entry: TreeEntry = text.parse().unwrap();
        assert_eq!(entry.to_string(), text);
        match entry {
            TreeEntry::Record(record) => records.push(record),
            TreeEntry::Link(link) => links.push(link),
            TreeEntry::Branch(labels) => assert_eq!(labels.len(), 3),
        }
    }
    let text = vectors["root"].as_str().unwrap();
    let root: Root = text.parse().unwrap();
    assert_eq!(root.to_string(), text);
    // In the specification, the key next to the example URL has signed the root. The URL has another
    // key.
    let mut point = [0; 65];
    point.copy_from_slice(&hex(vectors["url_key"].as_str().unwrap()));
    let signer = PublicKey::from_uncompressed(&point).unwrap();
    assert_eq!(root.verify(&signer), Ok(()));
    let url: Link = vectors["url"].as_str().unwrap().parse().unwrap();
    assert_eq!(root.verify(url.key()), Err(RootError::Signer));

    let tree = Tree::sign(&key(1), 1, records, links);
    assert_eq!((tree.root().records, tree.root().links), (root.records, root.links));
    assert_eq!(tree.entries().count(), 5);
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// All leaves below a label. Asserts that every entry exists and matches its label.
fn leaves(tree: &Tree, from: Label) -> Vec<TreeEntry> {
    let entries: BTreeMap<_, _> = tree.entries().collect();
    let (mut open, mut found) = (vec![from], Vec::new());
    while let Some(label) = open.pop() {
        let entry = entries[&label];
        assert!(label.names(&entry.to_string()));
        match entry {
            TreeEntry::Branch(labels) => {
                assert!(labels.len() <= 13);
                open.extend(labels);
            }
            leaf => found.push(leaf.clone()),
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Exactly the given records and links can be reached from the root, once each. Their order has no
    /// effect.
    #[test]
    fn a_list_of_any_size_has_exactly_the_given_leaves(count in 0u16..200, links in 0u16..30) {
        let records: Vec<Record> = (1..=count).map(|n| record(n, 1)).collect();
        let others: Vec<Link> = (1..=links).map(link).collect();
        let tree = Tree::sign(&key(0), 3, records.clone(), others.clone());
        let found = leaves(&tree, tree.root().records);
        let ids = |records: &[Record]| -> HashSet<_> { records.iter().map(Record::id).collect() };
        let got: Vec<Record> = found
            .into_iter()
            .filter_map(|entry| match entry { TreeEntry::Record(record) => Some(record), _ => None })
            .collect();
        prop_assert_eq!(got.len(), records.len());
        prop_assert_eq!(ids(&got), ids(&records));
        let names: BTreeSet<String> =
            leaves(&tree, tree.root().links).iter().map(ToString::to_string).collect();
        prop_assert_eq!(names, others.iter().map(ToString::to_string).collect());
        prop_assert_eq!(tree.root().verify(&key(0).public_key()), Ok(()));
        let again = Tree::sign(&key(0), 3, records.into_iter().rev(), others.into_iter().rev());
        prop_assert_eq!(again.texts().collect::<Vec<_>>(), tree.texts().collect::<Vec<_>>());
    }
}

#[test]
fn of_several_records_of_a_node_the_newest_is_taken() {
    let tree = Tree::sign(&key(0), 1, [record(1, 5), record(1, 7), record(1, 6)], []);
    let TreeEntry::Record(only) = &leaves(&tree, tree.root().records)[0] else {
        panic!("no record")
    };
    assert_eq!(only.sequence(), 7);
}

#[test]
fn the_strings_of_a_zone_are_short_enough_and_join_to_the_texts() {
    let filler = [0x55; 170];
    let content = Content::new().set("zz", filler.as_slice());
    let long = Record::sign(&key(1), 1, &content).unwrap();
    let tree = Tree::sign(&key(0), 1, [long, record(2, 1)], [link(3)]);
    let texts: BTreeSet<String> = tree.texts().map(|(_, text)| text).collect();
    let mut joined = BTreeSet::new();
    for line in tree.zone(60, 86_400) {
        let (_, strings) = line.split_once(" IN TXT ").unwrap();
        let strings: Vec<&str> = strings.split(' ').map(|s| s.trim_matches('"')).collect();
        // The text of the root contains spaces and is a single string.
        let glue = if line.starts_with('@') { " " } else { "" };
        assert!(strings.iter().all(|string| string.len() <= 255));
        joined.insert(strings.join(glue));
    }
    assert_eq!(joined, texts);
}

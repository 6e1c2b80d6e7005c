//! Node lists in the DNS: the texts of entries, and the client.

use std::time::Instant;

use p2p_discovery::dns::{
    Label, Link, ListClient, ListClientConfig, MAX_ENTRY_LEN, Root, TreeEntry,
};
use rand::{SeedableRng as _, rngs::StdRng};

use crate::fixture;

/// Reads the bytes as a root and as an entry: a valid text is written unchanged and matches the label of its hash. Then a
/// client gets the lines as answers to all its queries, and keeps its limits.
pub fn dns_entry(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(root) = text.parse::<Root>() {
        assert_eq!(root.to_string(), text);
    }
    if let Ok(entry) = text.parse::<TreeEntry>() {
        assert!(text.len() <= MAX_ENTRY_LEN);
        let printed = entry.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(&entry));
        // The name in a link is normalized.
        assert!(printed == text || matches!(entry, TreeEntry::Link(_)), "{text}");
        assert!(Label::of(&printed).names(&printed));
    }
    answers(text);
}

/// Runs a client that follows a list with a known key.
fn answers(text: &str) {
    let (key, now) = (fixture::key(1), Instant::now());
    let config = ListClientConfig {
        max_lists: 4,
        max_entries: 32,
        burst: 64,
        ..ListClientConfig::default()
    };
    let mut client = ListClient::new(config);
    let mut rng = StdRng::seed_from_u64(1);
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.first().map_or(Label::of(""), |line| Label::of(line));
    let link = Link::new(key.public_key(), "a.example").expect("a name");
    client.add(link, now);
    let root = Root::sign(&key, first, Label::of(""), 1).to_string();
    while let Some(query) = client.poll_query(now, &mut rng) {
        match query.name.as_str() {
            "a.example" => client.handle_answer(query.number, &[&root], now),
            _ => client.handle_answer(query.number, &lines, now),
        }
        while client.poll_record().is_some() {}
    }
    let progress = client.progress();
    assert!(progress.lists <= 4 && progress.entries <= 4 * 2 * 32, "{progress:?}");
}

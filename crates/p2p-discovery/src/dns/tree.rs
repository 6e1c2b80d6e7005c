//! Making a list from node records and links.

use std::collections::{BTreeMap, btree_map::Entry as MapEntry};

use p2p_identity::{PublicKey, Record, SecretKey};

use super::{
    entry::TreeEntry,
    label::Label,
    link::{Link, LinkError},
    root::Root,
};

/// Maximum number of labels in a branch. It keeps the text below 370 bytes, and the answer of a DNS
/// server below the 512 bytes of a datagram.
const MAX_LABELS: usize = 13;

/// Maximum length of a string in a TXT record in bytes (RFC 1035, 3.3).
const MAX_STRING: usize = 255;

/// A signed list of nodes and links to other lists, to be published as TXT records (EIP-1459).
///
/// ```
/// use p2p_discovery::dns::Tree;
/// use p2p_identity::{Content, Record, SecretKey};
///
/// let mut rng = rand::rng();
/// let (key, node) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
/// let record = Record::sign(&node, 1, &Content::new().ip("10.0.0.7".parse()?).tcp(30303))?;
///
/// let tree = Tree::sign(&key, 1, [record], []);
/// println!("the address of the list: {}", tree.link("nodes.example.org")?);
/// for line in tree.zone(60, 86_400) {
///     println!("{line}");
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tree {
    key: PublicKey,
    root: Root,
    entries: BTreeMap<Label, TreeEntry>,
}

impl Tree {
    /// Makes and signs a list. `sequence` must be higher than that of the previous version.
    ///
    /// If there are several records of one node, the newest is taken. The order of `records` and `links`
    /// has no effect.
    #[must_use]
    pub fn sign(
        key: &SecretKey,
        sequence: u64,
        records: impl IntoIterator<Item = Record>,
        links: impl IntoIterator<Item = Link>,
    ) -> Self {
        let mut newest: BTreeMap<[u8; 32], Record> = BTreeMap::new();
        for record in records {
            match newest.entry(record.id().hash()) {
                MapEntry::Vacant(vacant) => {
                    vacant.insert(record);
                }
                MapEntry::Occupied(mut known) => {
                    if known.get().sequence() < record.sequence() {
                        known.insert(record);
                    }
                }
            }
        }
        let by_name: BTreeMap<String, Link> =
            links.into_iter().map(|link| (link.to_string(), link)).collect();
        let mut entries = BTreeMap::new();
        let records = build(&mut entries, newest.into_values().map(TreeEntry::Record).collect());
        let links = build(&mut entries, by_name.into_values().map(TreeEntry::Link).collect());
        let root = Root::sign(key, records, links, sequence);
        Self { key: key.public_key(), root, entries }
    }

    /// The root.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The address of this list when it is published at `domain`.
    ///
    /// # Errors
    ///
    /// [`LinkError::Name`].
    pub fn link(&self, domain: &str) -> Result<Link, LinkError> {
        Link::new(self.key, domain)
    }

    /// The entries below the root with their labels.
    pub fn entries(&self) -> impl Iterator<Item = (&Label, &TreeEntry)> {
        self.entries.iter()
    }

    /// The texts of all TXT records: first the root, whose DNS name is that of the list (`None`), then
    /// each entry with the label to put before that name.
    pub fn texts(&self) -> impl Iterator<Item = (Option<Label>, String)> {
        let below = self.entries.iter().map(|(label, entry)| (Some(*label), entry.to_string()));
        std::iter::once((None, self.root.to_string())).chain(below)
    }

    /// The lines of a zone file (RFC 1035, 5.1), with names relative to that of the list.
    ///
    /// `root_ttl` and `entry_ttl` are the times in seconds for which DNS servers may cache the root,
    /// which changes, and the entries, which do not. A text that is too long for one string is split.
    pub fn zone(&self, root_ttl: u32, entry_ttl: u32) -> impl Iterator<Item = String> {
        self.texts().map(move |(label, text)| match label {
            None => format!("{:26} {root_ttl:<6} IN TXT {}", "@", quote(&text)),
            Some(label) => format!("{label} {entry_ttl:<6} IN TXT {}", quote(&text)),
        })
    }
}

/// Builds the branches above the leaves. Returns the label of the topmost entry.
fn build(entries: &mut BTreeMap<Label, TreeEntry>, mut level: Vec<TreeEntry>) -> Label {
    loop {
        let mut labels: Vec<Label> = Vec::with_capacity(level.len());
        for entry in level {
            let label = Label::of(&entry.to_string());
            entries.insert(label, entry);
            labels.push(label);
        }
        match labels[..] {
            [root] => return root,
            [] => level = vec![TreeEntry::Branch(Vec::new())],
            _ => {
                level = labels
                    .chunks(MAX_LABELS)
                    // A branch with a single label would be useless.
                    .map(|labels| match labels {
                        [only] => {
                            entries.remove(only).unwrap_or(TreeEntry::Branch(labels.to_vec()))
                        }
                        _ => TreeEntry::Branch(labels.to_vec()),
                    })
                    .collect();
            }
        }
    }
}

/// The text as quoted strings of a zone file. Entries contain no characters to escape.
fn quote(text: &str) -> String {
    let mut quoted = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (string, after) = rest.split_at_checked(MAX_STRING).unwrap_or((rest, ""));
        let space = if quoted.is_empty() { "" } else { " " };
        quoted += &format!("{space}\"{string}\"");
        rest = after;
    }
    quoted
}

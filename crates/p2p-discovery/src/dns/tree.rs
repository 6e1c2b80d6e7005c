//! Making a list: records and links become texts under names, signed at the root.

use std::collections::{BTreeMap, btree_map::Entry as Place};

use p2p_identity::{PublicKey, Record, SecretKey};

use super::{
    entry::TreeEntry,
    label::Label,
    link::{Link, LinkError},
    root::Root,
};

/// How many names a branch has at most: with it a text stays below 370 bytes, and the answer of a
/// DNS server below the 512 of a datagram.
const BRANCHING: usize = 13;

/// The longest string inside a TXT record, in bytes (RFC 1035, 3.3).
const MAX_STRING: usize = 255;

/// A signed list of nodes and of other lists, as TXT records (EIP-1459).
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
/// println!("give {} to others, and to the DNS:", tree.link("nodes.example.org")?);
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
    /// Makes the list and signs it. `sequence` must be higher than that of the list before.
    ///
    /// Of several records of one node the newest is taken. The order in which records and links are
    /// given makes no difference.
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
                Place::Vacant(place) => {
                    place.insert(record);
                }
                Place::Occupied(mut known) => {
                    if known.get().sequence() < record.sequence() {
                        known.insert(record);
                    }
                }
            }
        }
        let by_name: BTreeMap<String, Link> =
            links.into_iter().map(|link| (link.to_string(), link)).collect();
        let mut entries = BTreeMap::new();
        let records = grow(&mut entries, newest.into_values().map(TreeEntry::Record).collect());
        let links = grow(&mut entries, by_name.into_values().map(TreeEntry::Link).collect());
        let root = Root::sign(key, records, links, sequence);
        Self { key: key.public_key(), root, entries }
    }

    /// The root entry.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The address of this list where it stands at `domain`.
    ///
    /// # Errors
    ///
    /// [`LinkError::Name`].
    pub fn link(&self, domain: &str) -> Result<Link, LinkError> {
        Link::new(self.key, domain)
    }

    /// The entries below the root, by their names.
    pub fn entries(&self) -> impl Iterator<Item = (&Label, &TreeEntry)> {
        self.entries.iter()
    }

    /// All TXT records: the root under the list's own name (`None`), then each entry under its label
    /// before that name.
    pub fn texts(&self) -> impl Iterator<Item = (Option<Label>, String)> {
        let below = self.entries.iter().map(|(label, entry)| (Some(*label), entry.to_string()));
        std::iter::once((None, self.root.to_string())).chain(below)
    }

    /// The lines of a zone file (RFC 1035, 5.1), names relative to that of the list. The root, which
    /// changes, is kept for `root_ttl` seconds by those who ask, an entry, which does not, for
    /// `entry_ttl`. A text that is too long for one string is cut into several.
    pub fn zone(&self, root_ttl: u32, entry_ttl: u32) -> impl Iterator<Item = String> {
        self.texts().map(move |(label, text)| match label {
            None => format!("{:26} {root_ttl:<6} IN TXT {}", "@", quote(&text)),
            Some(label) => format!("{label} {entry_ttl:<6} IN TXT {}", quote(&text)),
        })
    }
}

/// Puts a tree over the leaves and answers where it begins.
fn grow(entries: &mut BTreeMap<Label, TreeEntry>, mut level: Vec<TreeEntry>) -> Label {
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
                    .chunks(BRANCHING)
                    // A branch of one would only be a longer way.
                    .map(|names| match names {
                        [only] => entries.remove(only).unwrap_or(TreeEntry::Branch(names.to_vec())),
                        _ => TreeEntry::Branch(names.to_vec()),
                    })
                    .collect();
            }
        }
    }
}

/// The text as strings of a zone file. Nothing in an entry needs an escape.
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

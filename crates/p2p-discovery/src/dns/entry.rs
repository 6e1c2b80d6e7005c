//! An entry below the root of a list: a branch, or one of the two kinds of leaves.

use std::{fmt, str::FromStr};

use p2p_identity::{Record, RecordError};
use thiserror::Error;

use super::{
    label::Label,
    link::{self, Link, LinkError},
};

/// The most bytes that the text of an entry may have. EIP-1459 wants it to fit into a datagram of
/// 512 bytes; some lists have more.
pub const MAX_ENTRY_LEN: usize = 2048;

const BRANCH: &str = "enrtree-branch:";
const RECORD: &str = "enr:";

/// An entry below the root of a DNS list (EIP-1459).
///
/// `FromStr` reads and `Display` writes its text. Whoever holds one holds a sound one: the signature
/// of a record has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeEntry {
    /// The names of further entries, perhaps none.
    Branch(Vec<Label>),
    /// A node.
    Record(Record),
    /// Another list.
    Link(Link),
}

/// Why a text is not an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TreeEntryError {
    /// Longer than [`MAX_ENTRY_LEN`].
    #[error("a text of {len} bytes, more than 2048")]
    TooLong {
        /// How many bytes there were.
        len: usize,
    },
    /// It begins with nothing known.
    #[error("neither a branch, nor a node record, nor a link")]
    Unknown,
    /// A name in a branch is not base32 of 12 to 32 bytes.
    #[error("name {position} of the branch is not base32 of 12 to 32 bytes")]
    Label {
        /// Its place in the branch, counted from 1.
        position: usize,
    },
    /// A node record that is not sound.
    #[error("node record: {0}")]
    Record(#[source] RecordError),
    /// A link that is none.
    #[error("link: {0}")]
    Link(#[source] LinkError),
}

impl FromStr for TreeEntry {
    type Err = TreeEntryError;

    fn from_str(text: &str) -> Result<Self, TreeEntryError> {
        if text.len() > MAX_ENTRY_LEN {
            return Err(TreeEntryError::TooLong { len: text.len() });
        }
        if let Some(labels) = text.strip_prefix(BRANCH) {
            branch(labels).map(Self::Branch)
        } else if text.starts_with(RECORD) {
            text.parse().map(Self::Record).map_err(TreeEntryError::Record)
        } else if text.starts_with(link::SCHEME) {
            text.parse().map(Self::Link).map_err(TreeEntryError::Link)
        } else {
            Err(TreeEntryError::Unknown)
        }
    }
}

fn branch(labels: &str) -> Result<Vec<Label>, TreeEntryError> {
    if labels.is_empty() {
        return Ok(Vec::new());
    }
    let read =
        |(i, letters)| Label::parse(letters).ok_or(TreeEntryError::Label { position: i + 1 });
    labels.split(',').enumerate().map(read).collect()
}

impl fmt::Display for TreeEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(labels) => {
                f.write_str(BRANCH)?;
                for (i, label) in labels.iter().enumerate() {
                    write!(f, "{}{label}", if i == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Self::Record(record) => record.fmt(f),
            Self::Link(link) => link.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_read_with_any_number_of_names() {
        let labels: Vec<Label> = ["a", "b", "c"].map(Label::of).to_vec();
        for count in 0..=3 {
            let branch = TreeEntry::Branch(labels[..count].to_vec());
            assert_eq!(branch.to_string().parse(), Ok(branch));
        }
    }

    #[test]
    fn what_is_no_entry_is_refused_with_the_cause() {
        let label = Label::of("a");
        let long = format!("{BRANCH}{}", vec![label.to_string(); 100].join(","));
        for (text, error) in [
            (String::new(), TreeEntryError::Unknown),
            ("v=spf1 -all".to_owned(), TreeEntryError::Unknown),
            ("enrtree-root:v1".to_owned(), TreeEntryError::Unknown),
            (format!("{BRANCH}{label},"), TreeEntryError::Label { position: 2 }),
            (format!("{BRANCH}{label}, {label}"), TreeEntryError::Label { position: 2 }),
            ("enr:!".to_owned(), TreeEntryError::Record(RecordError::Base64)),
            ("enrtree://x".to_owned(), TreeEntryError::Link(LinkError::NoName)),
            (long.clone(), TreeEntryError::TooLong { len: long.len() }),
        ] {
            assert_eq!(text.parse::<TreeEntry>(), Err(error), "{text}");
        }
    }
}

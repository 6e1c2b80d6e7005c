//! An entry of a list below the root: a branch, or a leaf of one of two kinds.

use std::{fmt, str::FromStr};

use p2p_identity::{Record, RecordError};
use thiserror::Error;

use super::{
    label::Label,
    link::{self, Link, LinkError},
};

/// Maximum size of the text of an entry in bytes. By EIP-1459 it must fit a datagram of 512 bytes, but
/// some lists have longer ones.
pub const MAX_ENTRY_LEN: usize = 2048;

const BRANCH: &str = "enrtree-branch:";
const RECORD: &str = "enr:";

/// An entry of a list below the root (EIP-1459).
///
/// `FromStr` reads and `Display` writes its text. An entry is always valid: reading it checks the
/// signature of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeEntry {
    /// The labels of further entries. There may be none.
    Branch(Vec<Label>),
    /// The record of a node.
    Record(Record),
    /// A link to another list.
    Link(Link),
}

/// A text is not a valid entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TreeEntryError {
    /// Longer than [`MAX_ENTRY_LEN`].
    #[error("a text of {len} bytes is longer than {MAX_ENTRY_LEN}")]
    TooLong {
        /// The number of bytes.
        len: usize,
    },
    /// The text begins with no known prefix.
    #[error("neither a branch, nor a node record, nor a link")]
    Unknown,
    /// A label in a branch is not base32 of 12 to 32 bytes.
    #[error("label {position} of the branch is not base32 of 12 to 32 bytes")]
    Label {
        /// The position of the label in the branch, counted from 1.
        position: usize,
    },
    /// The node record is not valid.
    #[error("invalid node record")]
    Record(#[source] RecordError),
    /// The link is not valid.
    #[error("invalid link to another list")]
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
            let record: Record = text.parse().map_err(TreeEntryError::Record)?;
            // The hash of the text is its name, so only the one form is valid.
            let is_exact = record.to_string() == text;
            is_exact
                .then_some(Self::Record(record))
                .ok_or(TreeEntryError::Record(RecordError::Base64))
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
    fn branches_have_any_number_of_labels() {
        let labels: Vec<Label> = ["a", "b", "c"].map(Label::of).to_vec();
        for count in 0..=3 {
            let branch = TreeEntry::Branch(labels[..count].to_vec());
            assert_eq!(branch.to_string().parse(), Ok(branch));
        }
    }

    #[test]
    fn a_record_is_valid_in_its_one_form_only() {
        let key = p2p_identity::SecretKey::from_bytes(&[1; 32]).unwrap();
        let text = Record::sign(&key, 1, &p2p_identity::Content::new()).unwrap().to_string();
        assert!(text.parse::<TreeEntry>().is_ok());
        for other in [format!("{text}="), format!("{text} ")] {
            let error = TreeEntryError::Record(RecordError::Base64);
            assert_eq!(other.parse::<TreeEntry>(), Err(error), "{other:?}");
        }
    }

    #[test]
    fn an_invalid_entry_is_refused_with_its_cause() {
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

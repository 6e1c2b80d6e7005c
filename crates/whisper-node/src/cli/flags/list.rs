//! Flags with a list as value: one way to read all of them.

use std::error::Error;

use p2p_identity::causes;

/// The entries of one value of a list flag. A flag may be given several times, so its field is a `Vec<List<T>>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List<T>(Vec<T>);

/// An entry of a list is invalid.
///
/// The text contains the causes, because clap does not print causes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ListError {
    /// The shell has passed the quotation marks on, and no entry of any list contains one.
    #[error("entry {0} contains quotation marks: leave them out")]
    Quoted(String),
    /// The entry cannot be read.
    #[error("entry {entry:?}: {reason}")]
    Entry { entry: String, reason: String },
    /// The only entry cannot be read. Clap prints the value.
    #[error("{0}")]
    OnlyEntry(String),
}

impl<T> List<T> {
    /// The entries of all values of a flag.
    pub(crate) fn joined(lists: Vec<Self>) -> Vec<T> {
        lists.into_iter().flat_map(|list| list.0).collect()
    }
}

/// The parser of a list: entries are separated by commas, blanks around an entry and empty entries are dropped, as in
/// go-ethereum. `entry` reads one of them.
pub(crate) fn list<T, E: Error + 'static>(
    entry: impl Fn(&str) -> Result<T, E> + Clone,
) -> impl Fn(&str) -> Result<List<T>, ListError> + Clone {
    move |text| {
        let entries: Vec<&str> =
            text.split(',').map(str::trim).filter(|text| !text.is_empty()).collect();
        let parsed = entries.iter().map(|text| {
            if text.contains(['"', '\'', '`']) {
                return Err(ListError::Quoted((*text).to_owned()));
            }
            entry(text).map_err(|error| match (causes(&error).to_string(), entries.len()) {
                (reason, 1) => ListError::OnlyEntry(reason),
                (reason, _) => ListError::Entry { entry: (*text).to_owned(), reason },
            })
        });
        parsed.collect::<Result<_, _>>().map(List)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::str::FromStr as _;

    use super::*;

    #[test]
    fn blanks_and_empty_entries_are_dropped() {
        let read = |text: &str| list(IpAddr::from_str)(text).map(|list| List::joined(vec![list]));
        let one: IpAddr = "10.0.0.1".parse().unwrap();
        for text in ["10.0.0.1", " 10.0.0.1 ", "10.0.0.1,", ",,10.0.0.1, ,"] {
            assert_eq!(read(text), Ok(vec![one]), "{text:?}");
        }
        assert_eq!(read(""), Ok(Vec::new()));
        assert!(read("10.0.0.1,x").unwrap_err().to_string().starts_with("entry \"x\": "));
        assert!(read("\"10.0.0.1\"").unwrap_err().to_string().contains("quotation marks"));
    }
}

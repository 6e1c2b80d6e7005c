//! A setting that a source gives.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A flag on the command line.
    CommandLine,
    /// An environment variable.
    Variable(String),
    /// The configuration file, with the number of the line.
    File(Arc<PathBuf>, usize),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("the command line"),
            Self::Variable(name) => f.write_str(name),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// A setting that a source gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// The flag, without the two hyphens.
    pub(crate) flag: String,
    /// The key.
    pub(crate) key: String,
    /// The value as text. More than one if the flag was repeated.
    pub(crate) values: Vec<String>,
    /// Where it comes from.
    pub(crate) source: Source,
}

impl Given {
    /// The value as one text: the entries of a repeated list, joined.
    pub(crate) fn value(&self) -> String {
        self.values.join(",")
    }

    /// The words of the command line that mean the same.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        self.values.iter().map(|value| format!("--{}={value}", self.flag))
    }
}

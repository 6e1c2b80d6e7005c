//! Names of teams.

use std::fmt;
use std::str::FromStr;

/// Maximum length of a name. It is a label of metrics and part of log lines.
const MAX_CHARS: usize = 32;

/// The name of the team of those who have no token: clients of IPC.
const OPERATOR: &str = "operator";

/// The name of a team: 1 to 32 lower-case letters, digits and hyphens, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TeamName(String);

/// A text that is not the name of a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TeamNameError {
    /// It is empty, too long, or has other characters.
    #[error(
        "a name of a team has 1 to {MAX_CHARS} lower-case letters, digits and hyphens, and begins with a letter"
    )]
    Form,
    /// It is the name of the clients of IPC.
    #[error("the name {OPERATOR} is that of the clients of IPC: choose another one")]
    Operator,
}

impl TeamName {
    /// The name of the team of clients of IPC, unless they are in another team.
    pub(crate) fn operator() -> Self {
        Self(OPERATOR.to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TeamName {
    type Err = TeamNameError;

    fn from_str(text: &str) -> Result<Self, TeamNameError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
        if !begins || text.len() > MAX_CHARS || !text.bytes().all(fits) {
            return Err(TeamNameError::Form);
        }
        if text == OPERATOR {
            return Err(TeamNameError::Operator);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TeamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_a_label_and_a_key_of_a_file() {
        let longest = "x".repeat(MAX_CHARS);
        for name in ["weather", "a", "team-2", &longest] {
            assert_eq!(name.parse::<TeamName>().map(|name| name.to_string()), Ok(name.to_owned()));
        }
        let long = "x".repeat(MAX_CHARS + 1);
        for name in ["", "Weather", "2nd", "-x", "a b", "a.b", "wetter\u{e4}", &long] {
            assert_eq!(name.parse::<TeamName>(), Err(TeamNameError::Form), "{name}");
        }
        assert_eq!("operator".parse::<TeamName>(), Err(TeamNameError::Operator));
    }
}

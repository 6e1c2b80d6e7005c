//! The lines of an audit log: each contains the hash of the one before.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::AuditEvent;

/// Maximum length of a line in bytes, without its end.
pub const MAX_AUDIT_LINE: usize = 64 * 1024;

/// Why a line is not the next one of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// It is longer than [`MAX_AUDIT_LINE`].
    #[error("the line is longer than {MAX_AUDIT_LINE} bytes")]
    TooLong,
    /// It is no JSON with the fields of a line.
    #[error("not a line of an audit log: {0}")]
    Form(String),
    /// It has another number than the next one.
    #[error(
        "the line has the number {found} instead of {expected}: lines are missing or were added"
    )]
    Number {
        /// The number of the line.
        found: u64,
        /// The number that follows.
        expected: u64,
    },
    /// It contains another hash than that of the line before.
    #[error("the line does not follow the line before it: one of the two was changed")]
    Hash,
}

/// Where an audit log ends: what binds the next line to the last one.
///
/// The hash of a line is the SHA-256 of its bytes without the end of the line; `sha256sum` prints it, too. The first line has
/// the number 1, and contains 64 zeros for the hash of a line before.
///
/// Someone who can write the file can make a whole new log. Note the hash of a line elsewhere from time to time: a log that still
/// contains it was not changed before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditChain {
    /// The number of the last line; 0: there is none.
    number: u64,
    /// The hash of the last line.
    hash: String,
}

impl Default for AuditChain {
    fn default() -> Self {
        Self { number: 0, hash: "0".repeat(64) }
    }
}

/// A line as it is written.
#[derive(Serialize)]
struct Line<'a> {
    n: u64,
    time: u64,
    #[serde(flatten)]
    event: &'a AuditEvent,
    prev: &'a str,
}

/// What of a line binds it to the one before.
#[derive(Deserialize)]
struct Head {
    n: u64,
    prev: String,
}

impl AuditChain {
    /// The end of a log whose last line this is. It does not check the lines before it.
    ///
    /// # Errors
    ///
    /// [`AuditError::TooLong`], [`AuditError::Form`].
    pub fn after(line: &[u8]) -> Result<Self, AuditError> {
        Ok(Self { number: read(line)?.n, hash: hash(line) })
    }

    /// Makes the next line, without its end. `time`: in seconds since 1970.
    #[must_use]
    pub fn append(&mut self, time: u64, event: &AuditEvent) -> String {
        let line = Line { n: self.number.saturating_add(1), time, event, prev: &self.hash };
        // Not expected to fail: all keys are strings.
        let line = serde_json::to_string(&line).unwrap_or_default();
        self.number = self.number.saturating_add(1);
        self.hash = hash(line.as_bytes());
        line
    }

    /// Checks that this is the next line.
    ///
    /// # Errors
    ///
    /// [`AuditError`]. Then the end is where it was.
    pub fn follow(&mut self, line: &[u8]) -> Result<(), AuditError> {
        let Head { n: found, prev } = read(line)?;
        let expected = self.number.saturating_add(1);
        if found != expected {
            return Err(AuditError::Number { found, expected });
        }
        if prev != self.hash {
            return Err(AuditError::Hash);
        }
        *self = Self { number: found, hash: hash(line) };
        Ok(())
    }

    /// The number of lines so far.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.number
    }

    /// The hash of the last line in hexadecimal; zeros if there is none.
    #[must_use]
    pub fn last_hash(&self) -> &str {
        &self.hash
    }
}

fn read(line: &[u8]) -> Result<Head, AuditError> {
    if line.len() > MAX_AUDIT_LINE {
        return Err(AuditError::TooLong);
    }
    serde_json::from_slice(line).map_err(|error| AuditError::Form(error.to_string()))
}

fn hash(line: &[u8]) -> String {
    hex::encode(Sha256::digest(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditActor;

    fn log() -> Vec<String> {
        let token = Some("9f9f5111".to_owned());
        let by = AuditActor { team: "admins".to_owned(), token, certificate: None };
        let method = "admin_addPeer".to_owned();
        let mut chain = AuditChain::default();
        [
            AuditEvent::Started { removed_bytes: 0 },
            AuditEvent::Administration { by: by.clone(), method, error: None },
            AuditEvent::Refused { by, method: "shh_post".to_owned(), reason: "no".to_owned() },
        ]
        .iter()
        .map(|event| chain.append(1_700_000_000, event))
        .collect()
    }

    fn verify(lines: &[String]) -> Result<AuditChain, (usize, AuditError)> {
        let mut chain = AuditChain::default();
        for (index, line) in lines.iter().enumerate() {
            chain.follow(line.as_bytes()).map_err(|error| (index, error))?;
        }
        Ok(chain)
    }

    #[test]
    fn a_line_says_what_happened_and_what_was_before() {
        let lines = log();
        let prev = hash(lines[0].as_bytes());
        assert_eq!(
            lines[1],
            format!(
                "{{\"n\":2,\"time\":1700000000,\"event\":\"administration\",\"team\":\"admins\",\"token\":\"9f9f5111\",\
                 \"method\":\"admin_addPeer\",\"prev\":\"{prev}\"}}"
            )
        );
        let chain = verify(&lines).unwrap();
        assert_eq!(AuditChain::after(lines[2].as_bytes()), Ok(chain.clone()));
        assert_eq!((chain.lines(), chain.last_hash()), (3, hash(lines[2].as_bytes()).as_str()));
    }

    #[test]
    fn what_was_changed_added_or_removed_is_found() {
        let lines = log();
        for (index, line) in lines.iter().enumerate() {
            let mut changed = lines.clone();
            changed[index] = line.replace("1700000000", "1700000001");
            let found = verify(&changed).map(|chain| chain.last_hash().to_owned());
            match index {
                // Only its hash, noted elsewhere, tells that the last line was changed.
                2 => assert_ne!(found.unwrap(), verify(&lines).unwrap().last_hash()),
                _ => assert_eq!(found, Err((index + 1, AuditError::Hash))),
            }
        }
        let number = |found, expected| AuditError::Number { found, expected };
        assert_eq!(verify(&lines[1..]), Err((0, number(2, 1))));
        let without = [lines[0].clone(), lines[2].clone()];
        assert_eq!(verify(&without), Err((1, number(3, 2))));
        let twice = [lines[0].clone(), lines[0].clone()];
        assert_eq!(verify(&twice), Err((1, number(1, 2))));
        let long = " ".repeat(MAX_AUDIT_LINE + 1);
        assert_eq!(AuditChain::default().follow(long.as_bytes()), Err(AuditError::TooLong));
        assert!(matches!(AuditChain::after(b"{\"n\":1}"), Err(AuditError::Form(_))));
    }
}

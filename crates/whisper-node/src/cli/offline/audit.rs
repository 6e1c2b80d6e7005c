//! `whisper-node audit`: checks an audit log.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;
use whisper_rpc::{AuditChain, AuditError, MAX_AUDIT_LINE};

use crate::cli::failure::Failure;
use crate::cli::flags::{Output, require_regular_file};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check that no line of an audit log was changed, added or removed, and print the hash of its last line
    Verify {
        /// The file that --audit names
        file: PathBuf,
        /// A hash that this command has printed earlier: the log must still contain that line. Without it, a log that was
        /// replaced, or whose end was cut off, is not noticed
        #[arg(long, value_name = "HASH")]
        contains: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

/// What is printed of a log without a fault.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified<'a> {
    lines: u64,
    last_hash: &'a str,
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Self::Verify { file, contains, output } = self;
        require_regular_file("FILE", &file)?;
        let failed = |source| Failure::AuditFile { path: file.clone(), source };
        let reader = BufReader::new(File::open(&file).map_err(failed)?);
        let chain = verify(&file, reader, contains.as_deref())?;
        let verified = Verified { lines: chain.lines(), last_hash: chain.last_hash() };
        output.print(&verified, || {
            let Verified { lines, last_hash } = verified;
            format!("{lines} lines; the last one has the hash {last_hash}")
        })
    }
}

/// Reads all lines. `contains`: the hash of one of them.
fn verify(
    path: &Path,
    mut reader: impl BufRead,
    contains: Option<&str>,
) -> Result<AuditChain, Failure> {
    let (mut chain, mut line) = (AuditChain::default(), Vec::new());
    let mut is_contained = contains.is_none();
    let limit = MAX_AUDIT_LINE as u64 + 2;
    loop {
        line.clear();
        let read = reader.by_ref().take(limit).read_until(b'\n', &mut line);
        read.map_err(|source| Failure::AuditFile { path: path.to_owned(), source })?;
        if line.is_empty() {
            break;
        }
        let number = chain.lines() + 1;
        let wrong = |source| Failure::AuditLine { path: path.to_owned(), number, source };
        match line.strip_suffix(b"\n") {
            Some(whole) => chain.follow(whole).map_err(wrong)?,
            None if line.len() as u64 == limit => return Err(wrong(AuditError::TooLong)),
            None => return Err(Failure::AuditIncomplete { path: path.to_owned(), number }),
        }
        is_contained |= contains.is_some_and(|hash| hash.eq_ignore_ascii_case(chain.last_hash()));
    }
    match is_contained {
        true => Ok(chain),
        false => Err(Failure::AuditHash { path: path.to_owned() }),
    }
}

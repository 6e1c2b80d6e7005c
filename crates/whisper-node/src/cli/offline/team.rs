//! `whisper-node team`: makes teams and their tokens, in the file that `--teams` names.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use p2p_identity::causes;
use serde::Serialize;
use whisper_rpc::{CertificateHash, Team, TeamCertificate, TeamName, TeamToken, Token};

use crate::cli::config::{keep_team, read_teams};
use crate::cli::failure::Failure;
use crate::cli::flags::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a team to the file, which is made if it does not exist, and print a token for its clients
    Add {
        /// The name: lower-case letters, digits and hyphens
        name: TeamName,
        /// The file of the teams
        #[arg(long, value_name = "FILE")]
        teams: PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// Add a token to a team, and print it
    Token {
        /// The name of the team
        name: TeamName,
        /// The file of the teams
        #[arg(long, value_name = "FILE")]
        teams: PathBuf,
        /// Days after which the token ends [default: never]
        #[arg(long, value_name = "N")]
        days: Option<u32>,
        #[command(flatten)]
        output: Output,
    },
    /// Add the certificate of a client to a team, and print its fingerprint. Connections over TLS that show it need no token
    Certificate {
        /// The name of the team
        name: TeamName,
        /// The certificate in PEM form. The private key stays with the client
        certificate: PathBuf,
        /// The file of the teams
        #[arg(long, value_name = "FILE")]
        teams: PathBuf,
        /// Days after which the node does not take the certificate any more [default: never]
        #[arg(long, value_name = "N")]
        days: Option<u32>,
        #[command(flatten)]
        output: Output,
    },
}

/// What is printed.
#[derive(Serialize)]
struct NewToken<'a> {
    team: String,
    token: &'a str,
    /// When the token ends, in seconds since 1970; `None`: never.
    expires: Option<u64>,
}

/// What is printed of a certificate.
#[derive(Serialize)]
struct NewCertificate {
    team: String,
    /// Its fingerprint.
    certificate: String,
}

impl Command {
    /// Runs the command. A running node does not notice: it reads the file again on SIGHUP or `admin_reload`.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add { name, teams, output } => {
                make(&teams)?;
                add_token(&teams, None, Team::new(name), None, output)
            }
            Self::Token { name, teams, days, output } => {
                let team = existing(&teams, &name)?;
                add_token(&teams, Some(&team), team.clone(), end(days), output)
            }
            Self::Certificate { name, certificate, teams, days, output } => {
                let hash = fingerprint(&certificate)?;
                let old = existing(&teams, &name)?;
                let mut team = old.clone();
                team.certificates.retain(|other| other.hash != hash);
                team.certificates.push(TeamCertificate { hash, expires: end(days) });
                keep_team(&teams, &name, Some(&old), Some(&team)).map_err(Failure::Team)?;
                let added =
                    NewCertificate { team: name.to_string(), certificate: hash.to_string() };
                output.print(&added, || added.certificate.clone())
            }
        }
    }
}

/// The team of this name, which must be there.
fn existing(path: &Path, name: &TeamName) -> Result<Team, Failure> {
    let found = read_teams(path)?.teams.into_iter().find(|team| team.name == *name);
    found.ok_or_else(|| Failure::Team(format!("there is no team {name}")))
}

/// When something ends that lasts for days, in seconds since 1970.
fn end(days: Option<u32>) -> Option<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    days.map(|days| now.as_secs() + 86_400 * u64::from(days))
}

/// The fingerprint of the first certificate in a file.
fn fingerprint(path: &Path) -> Result<CertificateHash, Failure> {
    CertificateHash::of_pem_file(path).map_err(|error| Failure::Team(causes(&error).to_string()))
}

/// Makes an empty file, for this user only, if there is none.
fn make(path: &Path) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            Err(Failure::TeamsFile { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Writes the team with a new token, and prints the token. `old`: what there is of it.
fn add_token(
    path: &Path,
    old: Option<&Team>,
    mut team: Team,
    expires: Option<u64>,
    output: Output,
) -> Result<(), Failure> {
    let token = Token::random();
    team.tokens.push(TeamToken { hash: token.hash(), expires });
    keep_team(path, &team.name, old, Some(&team)).map_err(Failure::Team)?;
    let new = NewToken { team: team.name.to_string(), token: token.reveal(), expires };
    output.print(&new, || new.token.to_owned())
}

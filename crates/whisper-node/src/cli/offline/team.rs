//! `whisper-node team`: makes teams and their tokens, in the file that `--teams` names.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Subcommand;
use whisper_rpc::{Team, TeamName, TeamToken, Token};

use crate::cli::config::{keep_team, read_teams};
use crate::cli::console;
use crate::cli::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a team to the file, which is made if it does not exist, and print a token for its clients
    Add {
        /// The name: lower-case letters, digits and hyphens
        name: TeamName,
        /// The file of the teams
        #[arg(long, value_name = "FILE")]
        teams: PathBuf,
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
    },
}

impl Command {
    /// Runs the command. A running node does not notice: it reads the file again on SIGHUP or `admin_reload`.
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add { name, teams } => {
                make(&teams)?;
                match find(&teams, &name)? {
                    Some(_) => Err(Failure::Team(format!("there is a team {name} already"))),
                    None => add_token(&teams, Team::new(name), None),
                }
            }
            Self::Token { name, teams, days } => {
                let team = find(&teams, &name)?;
                let team = team.ok_or_else(|| Failure::Team(format!("there is no team {name}")))?;
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let expires = days.map(|days| now.as_secs() + 86_400 * u64::from(days));
                add_token(&teams, team, expires)
            }
        }
    }
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

fn find(path: &Path, name: &TeamName) -> Result<Option<Team>, Failure> {
    Ok(read_teams(path)?.teams.into_iter().find(|team| team.name == *name))
}

/// Writes the team with a new token, and prints the token.
fn add_token(path: &Path, mut team: Team, expires: Option<u64>) -> Result<(), Failure> {
    let token = Token::random();
    team.tokens.push(TeamToken { hash: token.hash(), expires });
    keep_team(path, &team.name, Some(&team)).map_err(Failure::Team)?;
    console::print(token.reveal())
}

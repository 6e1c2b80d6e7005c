//! `whisper-node history`: reads what archives have stored, without a running node.

mod cursor_file;
mod output;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use p2p_identity::{Enode, NodeId, SecretKey};
use p2p_server::{Config, Server};
use whisper_protocol::{
    Clock, FilterKey, FilterSpec, History, HistoryCursor, HistoryEvent, HistoryFilter,
    HistoryRequest, StoredMessages, SymmetricKey, Topic, Whisper,
};

use super::console::print_error;
use super::failure::Failure;
use super::flags::{KeyFlags, Output, Secret, read_password, static_node, topic};
use super::offline::envelope::symmetric_key;
use super::process::stop_signal::stop_signal;
use super::progress::Progress;
use cursor_file::CursorFile;
use output::notice;

/// Reads archives, from a cursor.
#[derive(Args, Debug)]
pub(crate) struct HistoryCommand {
    /// The nodes with the archives, enode URLs. With two, one may be away
    #[arg(value_name = "NODE", required = true, value_parser = static_node)]
    nodes: Vec<Enode>,

    /// Only this topic: 0x and 8 hex digits, or a name, whose hash is the topic; can be given several times [default: all]
    #[arg(long, value_name = "TOPIC", value_parser = topic)]
    topic: Vec<Topic>,

    #[command(flatten)]
    opener: OpenerArgs,

    /// File with the cursor: goes on where the last call ended, so that each call shows what was missed since
    #[arg(long, value_name = "FILE")]
    cursor: Option<PathBuf>,

    /// Only what was sent within this time, such as 2h or 7d [default: everything]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, conflicts_with = "cursor")]
    since: Option<Duration>,

    /// Go on with what arrives, until Ctrl-C
    #[arg(long)]
    live: bool,

    #[command(flatten)]
    output: Output,

    /// File whose first line is the password of the archives
    #[arg(long = "archive.password-file", value_name = "FILE")]
    archive_password_file: Option<PathBuf>,

    #[command(flatten)]
    key: KeyFlags,
}

/// What opens the messages. Other users of the machine can read the command line.
#[derive(Args, Debug)]
#[group(multiple = false)]
struct OpenerArgs {
    /// Open with the symmetric key that is derived from this password. Other users of the machine can read the command
    /// line, but not the variable
    #[arg(long, value_name = "TEXT", env = "WHISPER_PASSWORD", hide_env_values = true)]
    password: Option<String>,

    /// Open with the password in the first line of this file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Open with this symmetric key, 64 hex digits; or file:PATH, env:NAME, ask
    #[arg(long, value_name = "SECRET")]
    sym_key: Option<Secret>,

    /// Open with this private key, 64 hex digits; or file:PATH, env:NAME, ask. A keystore file is possible, too
    #[arg(long, value_name = "SECRET")]
    private_key: Option<Secret>,
}

/// A client of archives: connections, and no other sub-protocol.
struct Client {
    whisper: Whisper,
    server: Server,
}

impl HistoryCommand {
    /// Prints a line for each message, or for each envelope if there is no key.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let stop = stop_signal().map_err(Failure::Signals)?;
        let file = self.cursor.clone().map(CursorFile::open).transpose()?;
        let client = Client::start(self.key.read_or_random()?, self.nodes.clone()).await?;
        let outcome = tokio::select! {
            outcome = self.read(&client.whisper, file.as_ref()) => outcome,
            () = stop => Ok(()),
        };
        client.stop().await;
        outcome
    }

    async fn read(&self, whisper: &Whisper, file: Option<&CursorFile>) -> Result<(), Failure> {
        let cursor = file.map(CursorFile::cursor).unwrap_or_default();
        let request = self.request(whisper, cursor)?;
        let history = whisper.history(request).map_err(Failure::History)?;
        self.print(history, file).await
    }

    fn request(&self, whisper: &Whisper, cursor: HistoryCursor) -> Result<HistoryRequest, Failure> {
        let request = match self.opener.messages(whisper, &self.topic)? {
            Some(messages) => HistoryRequest::messages(messages, cursor),
            None if self.topic.is_empty() => HistoryRequest::new(HistoryFilter::All, cursor),
            None => HistoryRequest::new(HistoryFilter::Topics(self.topic.clone()), cursor),
        };
        let since = self.since.map_or(0, |since| {
            let since = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
            Clock::system().now().saturating_sub(since)
        });
        let password = self.archive_password_file.as_deref();
        Ok(HistoryRequest {
            sent: since..=u32::MAX,
            live: self.live,
            nodes: self.nodes.iter().map(|node| node.id).collect(),
            password: password
                .map(|file| read_password("--archive.password-file", file))
                .transpose()?,
            ..request
        })
    }

    async fn print(&self, mut history: History, file: Option<&CursorFile>) -> Result<(), Failure> {
        let progress = Progress::with_total("history");
        let (mut count, mut is_complete) = (0, false);
        while let Some(event) = history.next().await {
            if let HistoryEvent::Envelopes(part) = &event {
                count += part.len();
                progress.suspend(|| {
                    part.iter().try_for_each(|stored| output::print(self.output, stored))
                })?;
            } else if let HistoryEvent::CaughtUp { .. } = &event {
                is_complete = true;
                if self.live {
                    progress.hide();
                }
            } else if let Some(notice) = notice(&event) {
                progress.suspend(|| print_error(&notice));
            }
            if let Some(file) = file {
                file.write(&history.cursor())?;
            }
            let (end, newest) = history.progress().fold((0, 0), |(end, newest), archive| {
                let sum = |one: u64, other: u64| one.saturating_add(other);
                (sum(end, archive.end), sum(newest, archive.newest))
            });
            progress.move_to(end, newest, format!("{count} found"));
        }
        drop(progress);
        if !is_complete && !self.live {
            return Err(Failure::NoHistory);
        }
        if !self.output.is_json() {
            print_error(&format!("{count} found"));
        }
        Ok(())
    }
}

impl OpenerArgs {
    /// What opens the messages; `None` without a key.
    fn messages(
        &self,
        whisper: &Whisper,
        topics: &[Topic],
    ) -> Result<Option<StoredMessages>, Failure> {
        let keys = whisper.keys();
        let key = match self {
            Self { password: Some(password), .. } => {
                FilterKey::Symmetric(keys.symmetric_from_password(password))
            }
            Self { password_file: Some(file), .. } => {
                let key: SymmetricKey = read_password("--password-file", file)?;
                FilterKey::Symmetric(keys.add_symmetric(key))
            }
            Self { sym_key: Some(key), .. } => {
                let digits = key.read("--sym-key", "The symmetric key, 64 hex digits")?;
                FilterKey::Symmetric(keys.add_symmetric(symmetric_key(digits.trim())?))
            }
            Self { private_key: Some(key), .. } => {
                FilterKey::Private(keys.add_private_key(key.read_key("--private-key")?))
            }
            _ => return Ok(None),
        };
        let topics = topics.iter().copied().map(Into::into).collect();
        let spec = FilterSpec { topics, ..FilterSpec::new(key) };
        // The key was added above.
        Ok(whisper.stored_messages(spec).ok())
    }
}

impl Client {
    async fn start(key: SecretKey, nodes: Vec<Enode>) -> Result<Self, Failure> {
        let whisper = Whisper::new(whisper_protocol::Config::default());
        let id: NodeId = key.id();
        let config = Config::new(key).discover(false).protocol(whisper.archive_protocol(id));
        let config = nodes.into_iter().fold(config, Config::static_node);
        let server = Server::start(config).await.map_err(whisper_node::NodeError::from)?;
        Ok(Self { whisper, server })
    }

    async fn stop(self) {
        self.server.stop().await;
        self.whisper.stop().await;
    }
}

//! `whisper-node file send`.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::message::{FileMessage, MAGIC, MAX_WANTED, PIECE_BYTES, id_of, pieces_of};
use super::{MessageArgs, Topic, file_message, hash_of};
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::print_json;
use crate::cli::process::stop_signal::stop_signal;
use crate::cli::progress::Progress;

/// Time between two offers.
const OFFER_INTERVAL: Duration = Duration::from_secs(5);

/// The flags of the command.
#[derive(Args, Debug)]
pub(crate) struct Send {
    /// The file
    file: PathBuf,

    #[command(flatten)]
    messages: MessageArgs,

    /// Give up if no receiver asks for this time, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    wait: u32,
}

/// What is printed at the end.
#[derive(Serialize)]
struct Line {
    hash: String,
    size: u64,
    /// Number of pieces that were sent, with those that were sent again.
    sent: u64,
}

impl Send {
    /// Offers the file, and sends what is asked for, until a receiver has it.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let failed = |source| Failure::TransferFile { path: self.file.clone(), source };
        let stop = stop_signal().map_err(Failure::Signals)?;
        let (hash, size) = hash_of(&self.file).map_err(failed)?;
        let name = self.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let offer = FileMessage::Offer { magic: MAGIC, hash, size, name };
        let topic = Topic::open(&self.messages).await?;
        let sent = tokio::select! {
            () = stop => Err(Failure::TransferStopped),
            sent = self.serve(&topic, &offer, &hash, size) => sent,
        };
        topic.close().await;
        let line = Line { hash: console::hex(hash), size, sent: sent? };
        print_json(&line)
    }

    /// Answers until a receiver has everything. Returns the number of pieces that were sent.
    async fn serve(
        &self,
        topic: &Topic,
        offer: &FileMessage,
        hash: &[u8; 32],
        size: u64,
    ) -> Result<u64, Failure> {
        let progress = Progress::with_total("file send");
        let mut messages = topic.messages().await?;
        let mut offers = interval(OFFER_INTERVAL);
        offers.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let patience = Duration::from_secs(self.wait.into());
        let (mut sent, mut furthest, mut asked) = (0, 0, Instant::now());
        loop {
            let message = tokio::select! {
                _ = offers.tick() => {
                    if asked.elapsed() >= patience {
                        return Err(Failure::NoReceiver(self.wait));
                    }
                    topic.post(offer).await?;
                    continue;
                }
                message = messages.next() => message.ok_or(Failure::NodeGone)?,
            };
            let message = message.map_err(|source| Failure::Call(source.into()))?;
            match file_message(&message) {
                Some(FileMessage::Want { magic: MAGIC, id, pieces }) if id == id_of(hash) => {
                    asked = Instant::now();
                    for number in pieces.into_iter().take(MAX_WANTED) {
                        if number >= pieces_of(size) {
                            continue;
                        }
                        let content = self.piece(number).map_err(|source| {
                            Failure::TransferFile { path: self.file.clone(), source }
                        })?;
                        topic
                            .post(&FileMessage::Piece { magic: MAGIC, id, number, content })
                            .await?;
                        (sent, furthest) = (sent + 1, furthest.max(number + 1));
                        progress.move_to(furthest, pieces_of(size), format!("{sent} pieces sent"));
                    }
                }
                Some(FileMessage::Done { magic: MAGIC, id }) if id == id_of(hash) => {
                    return Ok(sent);
                }
                _ => {}
            }
        }
    }

    /// Reads a piece. Only this much of the file is in memory.
    fn piece(&self, number: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(number * u64::from(PIECE_BYTES)))?;
        let mut content = Vec::new();
        file.take(PIECE_BYTES.into()).read_to_end(&mut content)?;
        Ok(content)
    }
}

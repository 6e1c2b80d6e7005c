//! `whisper-node file receive`.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jsonrpsee::core::client::Subscription;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use whisper_rpc::types::MessageJson;

use super::message::{FileMessage, MAGIC, MAX_WANTED, PIECE_BYTES, id_of, pieces_of};
use super::{MessageArgs, Topic, file_message, hash_of};
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::print_json;
use crate::cli::process::stop_signal::stop_signal;
use crate::cli::progress::Progress;

/// Time after which missing pieces are asked for again.
const RETRY: Duration = Duration::from_secs(4);

/// The flags of the command.
#[derive(Args, Debug)]
pub(crate) struct Receive {
    /// Folder for the file. What has come so far is there in HASH.part
    #[arg(default_value = ".")]
    dir: PathBuf,

    #[command(flatten)]
    messages: MessageArgs,

    /// Largest file that is received, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    max_size: u64,

    /// Give up if nothing comes for this time, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    wait: u32,
}

/// What is printed at the end.
#[derive(Serialize)]
struct Line {
    file: String,
    hash: String,
    size: u64,
    /// Number of pieces that were there from an earlier call.
    resumed: u64,
}

/// A file that is offered.
#[derive(Debug, PartialEq, Eq)]
struct Offered {
    hash: [u8; 32],
    size: u64,
    name: String,
}

impl Receive {
    /// Waits for an offer, and receives the file.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let stop = stop_signal().map_err(Failure::Signals)?;
        let topic = Topic::open(&self.messages).await?;
        let received = tokio::select! {
            () = stop => Err(Failure::TransferStopped),
            received = self.receive(&topic) => received,
        };
        topic.close().await;
        print_json(&received?)
    }

    async fn receive(&self, topic: &Topic) -> Result<Line, Failure> {
        let mut messages = topic.messages().await?;
        console::print_error("waiting for a file");
        let offered = self.offer(&mut messages).await?;
        let path = self.dir.join(&offered.name);
        if path.exists() {
            return Err(Failure::TransferExists { path });
        }
        let part = self.dir.join(format!("{}.part", hex::encode(id_of(&offered.hash))));
        let failed = |source| Failure::TransferFile { path: part.clone(), source };
        let resumed = keep_whole_pieces(&part, offered.size).map_err(failed)?;
        self.pieces(topic, &mut messages, &offered, resumed, &part).await?;
        if hash_of(&part).map_err(failed)? != (offered.hash, offered.size) {
            fs::remove_file(&part).map_err(failed)?;
            return Err(Failure::TransferChanged);
        }
        // A link fails if there is such a file by now. A rename would replace it.
        fs::hard_link(&part, &path)
            .map_err(|source| Failure::TransferFile { path: path.clone(), source })?;
        fs::remove_file(&part).map_err(failed)?;
        topic.post(&FileMessage::Done { magic: MAGIC, id: id_of(&offered.hash) }).await?;
        let (hash, size) = (console::hex(offered.hash), offered.size);
        Ok(Line { file: path.display().to_string(), hash, size, resumed })
    }

    /// The first file that is offered.
    async fn offer(&self, messages: &mut Subscription<MessageJson>) -> Result<Offered, Failure> {
        let until = Instant::now() + Duration::from_secs(self.wait.into());
        loop {
            let Some(message) = next(messages, until).await? else {
                return Err(Failure::NoSender(self.wait));
            };
            if let FileMessage::Offer { magic: MAGIC, hash, size, name } = message {
                if size > self.max_size {
                    return Err(Failure::TransferSize { size, most: self.max_size });
                }
                let name = plain_name(&name).ok_or(Failure::TransferName)?;
                return Ok(Offered { hash, size, name });
            }
        }
    }

    /// Receives all pieces from `first` on, and appends them to a file.
    async fn pieces(
        &self,
        topic: &Topic,
        messages: &mut Subscription<MessageJson>,
        offered: &Offered,
        first: u64,
        part: &Path,
    ) -> Result<(), Failure> {
        let failed = |source| Failure::TransferFile { path: part.to_owned(), source };
        let mut file = OpenOptions::new().append(true).create(true).open(part).map_err(failed)?;
        let (id, count) = (id_of(&offered.hash), pieces_of(offered.size));
        let progress = Progress::with_total("file receive");
        let patience = Duration::from_secs(self.wait.into());
        let (mut end, mut came) = (first, Instant::now());
        // Those that came before one that is missing.
        let mut ahead: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        while end < count {
            let window = end..count.min(end + MAX_WANTED as u64);
            let pieces: Vec<u64> =
                window.clone().filter(|number| !ahead.contains_key(number)).collect();
            topic.post(&FileMessage::Want { magic: MAGIC, id, pieces }).await?;
            let until = Instant::now() + RETRY;
            while end < window.end {
                let Some(message) = next(messages, until).await? else { break };
                let FileMessage::Piece { magic: MAGIC, id: of, number, content } = message else {
                    continue;
                };
                let size = piece_size(offered.size, number);
                if of == id
                    && window.contains(&number)
                    && number >= end
                    && content.len() as u64 == size
                {
                    came = Instant::now();
                    ahead.insert(number, content);
                }
                while let Some(content) = ahead.remove(&end) {
                    file.write_all(&content).map_err(failed)?;
                    end += 1;
                    progress.move_to(end, count, String::new());
                }
            }
            if came.elapsed() >= patience {
                return Err(Failure::NoSender(self.wait));
            }
        }
        file.sync_all().map_err(failed)
    }
}

/// The next message of a transfer; `None` if none comes until then.
async fn next(
    messages: &mut Subscription<MessageJson>,
    until: Instant,
) -> Result<Option<FileMessage>, Failure> {
    loop {
        let Ok(message) = timeout_at(until, messages.next()).await else { return Ok(None) };
        let message = message.ok_or(Failure::NodeGone)?;
        let message = message.map_err(|source| Failure::Call(source.into()))?;
        if let Some(message) = file_message(&message) {
            return Ok(Some(message));
        }
    }
}

/// The size of a piece of a file of this size.
fn piece_size(size: u64, number: u64) -> u64 {
    let piece = u64::from(PIECE_BYTES);
    size.saturating_sub(number.saturating_mul(piece)).min(piece)
}

/// The name for a file that is offered under this one: without folders, and without what a terminal or a shell could take for
/// something else.
fn plain_name(name: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_alphanumeric() || " ._-()+,=@".contains(letter);
    let is_name = !name.is_empty()
        && name.len() <= 255
        && name.chars().all(is_plain)
        && !name.starts_with(['.', '-', ' '])
        && !name.ends_with(".part");
    is_name.then(|| name.to_owned())
}

/// Cuts a file that is there in part after its last whole piece. Returns the number of pieces.
fn keep_whole_pieces(part: &Path, size: u64) -> io::Result<u64> {
    let piece = u64::from(PIECE_BYTES);
    let length = match fs::metadata(part) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    if length == size {
        return Ok(pieces_of(size));
    }
    let pieces = if length > size { 0 } else { length / piece };
    File::options().write(true).open(part)?.set_len(pieces * piece)?;
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_into_no_other_folder() {
        for good in ["a.txt", "Ärger (1).pdf", "x", "a-b_c+d"] {
            assert_eq!(plain_name(good).as_deref(), Some(good));
        }
        let long = "x".repeat(256);
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "/etc/passwd",
            "a/b",
            "a\\b",
            ".bashrc",
            "-rf",
            "a\nb",
            "\u{1b}[2J",
            "x.part",
            &long,
        ] {
            assert_eq!(plain_name(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_part_is_cut_after_its_last_whole_piece() {
        let dir = tempfile::tempdir().unwrap();
        let part = dir.path().join("x.part");
        let piece = u64::from(PIECE_BYTES);
        assert_eq!(keep_whole_pieces(&part, 100).unwrap(), 0);
        fs::write(&part, vec![1; PIECE_BYTES as usize + 7]).unwrap();
        assert_eq!(keep_whole_pieces(&part, 3 * piece).unwrap(), 1);
        assert_eq!(fs::metadata(&part).unwrap().len(), piece);
        assert_eq!(keep_whole_pieces(&part, piece).unwrap(), 1, "it is whole");
        assert_eq!(keep_whole_pieces(&part, 5).unwrap(), 0, "it is of another file");
        assert_eq!((piece_size(piece + 5, 1), piece_size(piece + 5, 2)), (5, 0));
    }
}

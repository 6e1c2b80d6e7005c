//! The audit log of a running node: a thread appends lines to a file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use whisper_rpc::{AuditChain, AuditError, AuditEvent, AuditLimiter, AuditSink, MAX_AUDIT_LINE};

use crate::cli::failure::Failure;
use crate::cli::flags::require_regular_file;

/// Number of events that wait for the disk. Further ones are counted.
const MAX_WAITING: usize = 1024;

/// Time between two looks at the clock while nothing happens.
const TICK: Duration = Duration::from_secs(5);

enum Message {
    Event(AuditEvent),
    Stop,
}

/// The audit log. It is written until [`stop`](Self::stop).
pub(super) struct AuditLog {
    sender: SyncSender<Message>,
    lost: Arc<AtomicU64>,
    writer: JoinHandle<()>,
}

impl AuditLog {
    /// Opens the file, which is made if it does not exist, for this user only. A log is continued.
    pub(super) fn start(path: &Path) -> Result<Self, Failure> {
        require_regular_file("--audit", path)?;
        let (file, chain, removed_bytes) = open(path)?;
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let mut writer = Writer {
            path: path.to_owned(),
            file,
            chain,
            limiter: AuditLimiter::default(),
            lost: Arc::clone(&lost),
            failures: 0,
            whole: None,
        };
        let run = move || {
            writer.write(&[AuditEvent::Started { removed_bytes }]);
            writer.run(&receiver);
        };
        let thread = thread::Builder::new().name("audit".to_owned()).spawn(run);
        let failed = |source| Failure::AuditFile { path: path.to_owned(), source };
        Ok(Self { sender, lost, writer: thread.map_err(failed)? })
    }

    /// What the servers tell of events.
    pub(super) fn sink(&self) -> AuditSink {
        let (sender, lost) = (self.sender.clone(), Arc::clone(&self.lost));
        AuditSink::new(move |event| match sender.try_send(Message::Event(event)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                lost.fetch_add(1, Ordering::Relaxed);
            }
        })
    }

    /// Writes what is left.
    pub(super) fn stop(self) {
        // Errors mean that the thread has panicked; the panic was printed.
        let _ = self.sender.send(Message::Stop);
        let _ = self.writer.join();
    }
}

/// The file at its end, what its next line is bound to, and the bytes of an incomplete line that were removed.
fn open(path: &Path) -> Result<(File, AuditChain, u64), Failure> {
    let failed = |source| Failure::AuditFile { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Failure::AuditInUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let tail = || -> io::Result<(u64, Vec<u8>)> {
        let length = file.seek(SeekFrom::End(0))?;
        // The last line, an incomplete one, and their ends.
        let start = length.saturating_sub(2 * MAX_AUDIT_LINE as u64 + 2);
        file.seek(SeekFrom::Start(start))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        Ok((length, tail))
    };
    let (length, tail) = { tail }().map_err(failed)?;
    let (whole, torn) = match tail.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => (&tail[..end], tail.len() - end - 1),
        None => (&[][..], tail.len()),
    };
    let last = whole.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let damaged = |source| Failure::AuditEnd { path: path.to_owned(), source };
    if torn > MAX_AUDIT_LINE {
        return Err(damaged(AuditError::TooLong));
    }
    let chain = match last {
        [] => AuditChain::default(),
        line => AuditChain::after(line).map_err(damaged)?,
    };
    let torn = torn as u64;
    if torn > 0 {
        file.set_len(length - torn).map_err(failed)?;
    }
    Ok((file, chain, torn))
}

struct Writer {
    path: PathBuf,
    file: File,
    chain: AuditChain,
    limiter: AuditLimiter,
    lost: Arc<AtomicU64>,
    /// Number of times that the file could not be written.
    failures: u64,
    /// Where the last whole line ends, if a write that failed may have left something after it.
    whole: Option<u64>,
}

impl Writer {
    fn run(&mut self, messages: &Receiver<Message>) {
        loop {
            let message = messages.recv_timeout(TICK);
            let events = match message {
                Ok(Message::Event(event)) => self.limiter.admit(now(), event),
                Err(RecvTimeoutError::Timeout) => self.limiter.handle_timeout(now()),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => {
                    let events = self.limiter.finish();
                    self.write(&events);
                    return;
                }
            };
            self.write(&events);
        }
    }

    /// Appends text, and waits until it is on the disk. What a failure leaves is removed before anything is written after it: a
    /// part of a line would damage the log.
    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        if let Some(whole) = self.whole {
            self.file.set_len(whole)?;
            self.whole = None;
        }
        let whole = self.file.metadata()?.len();
        let written = self.file.write_all(text).and_then(|()| self.file.sync_data());
        if written.is_err() && self.file.set_len(whole).is_err() {
            self.whole = Some(whole);
        }
        written
    }

    /// Appends lines, and waits until they are on the disk.
    fn write(&mut self, events: &[AuditEvent]) {
        let count = self.lost.swap(0, Ordering::Relaxed);
        let lost = (count > 0).then_some(AuditEvent::Lost { count });
        let mut chain = self.chain.clone();
        let lines = lost.iter().chain(events).map(|event| chain.append(now(), event) + "\n");
        let text: String = lines.collect();
        if text.is_empty() {
            return;
        }
        match self.append(text.as_bytes()) {
            Ok(()) => self.chain = chain,
            Err(error) => {
                self.lost.fetch_add(count + events.len() as u64, Ordering::Relaxed);
                self.failures += 1;
                if self.failures.is_power_of_two() {
                    let path = self.path.display();
                    tracing::error!(%error, times = self.failures, "cannot write the audit log {path}");
                }
            }
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn events(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        let mut chain = AuditChain::default();
        text.lines().for_each(|line| chain.follow(line.as_bytes()).unwrap());
        let event = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["event"].as_str().unwrap().to_owned()
        };
        text.lines().map(event).collect()
    }

    #[test]
    fn a_log_is_continued_after_an_incomplete_line_and_written_by_one_node() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let log = AuditLog::start(&path).unwrap();
        assert!(matches!(AuditLog::start(&path), Err(Failure::AuditInUse { .. })));
        let sink = log.sink();
        log.stop();
        drop(sink);
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{whole}{{\"n\":2,\"ti")).unwrap();
        AuditLog::start(&path).unwrap().stop();
        assert_eq!(events(&path), ["started", "started"]);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&whole) && text.contains("\"removedBytes\":10,"), "{text}");
        fs::write(&path, "no log\n").unwrap();
        assert!(matches!(AuditLog::start(&path), Err(Failure::AuditEnd { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "no log\n", "it is not touched");
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_told_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let (file, chain, _) = open(&path).unwrap();
        let read_only = File::open(&path).unwrap();
        let (limiter, lost) = (AuditLimiter::default(), Arc::default());
        let (failures, whole) = (0, None);
        let mut writer =
            Writer { path: path.clone(), file: read_only, chain, limiter, lost, failures, whole };
        let event = AuditEvent::Started { removed_bytes: 0 };
        writer.write(std::slice::from_ref(&event));
        writer.write(std::slice::from_ref(&event));
        // What a failed write leaves on a full disk, and could not remove.
        fs::write(&path, "{\"n\":1,\"ti").unwrap();
        writer.file = file;
        writer.write(std::slice::from_ref(&event));
        assert_eq!(events(&path), ["lost", "started"]);
        assert!(fs::read_to_string(&path).unwrap().contains("\"count\":2"));
    }
}

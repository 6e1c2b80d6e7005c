//! The program in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_whisper-node");

/// A program that runs until it is dropped.
pub(crate) struct Running {
    child: Child,
    /// Kept open, because the program prints to it until it ends.
    stdout: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors are ignored: the program may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Returns the value of the next line, which must begin with `name`.
    pub(crate) fn value(&mut self, name: &str) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.strip_prefix(name).unwrap_or_else(|| panic!("no {name} in {line:?}")).trim().to_owned()
    }

    /// Sends the signal.
    pub(crate) fn send(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Sends the signal and waits for the end. Returns the rest of the output, and whether the program succeeded.
    pub(crate) fn signal(mut self, signal: &str) -> (String, bool) {
        self.send(signal);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().success())
    }

    /// Closes standard output without reading the rest, sends the signal and waits for the end. Returns whether the program
    /// succeeded.
    pub(crate) fn signal_unread(mut self, signal: &str) -> bool {
        // The pipe is closed by replacing its reading end.
        let (reader, _) = std::io::pipe().unwrap();
        self.stdout = BufReader::new(std::os::fd::OwnedFd::from(reader).into());
        self.send(signal);
        self.child.wait().unwrap().success()
    }
}

/// The log of a program, line by line.
pub(crate) struct Log(Receiver<String>);

impl Log {
    /// Starts the program and reads its log.
    pub(crate) fn of(command: &mut Command) -> (Running, Self) {
        let mut running = Running::start(command.stderr(Stdio::piped()));
        let lines = BufReader::new(running.child.stderr.take().unwrap()).lines();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        (running, Self(receiver))
    }

    /// Waits for the next line that contains all texts, until the deadline.
    pub(crate) fn line(&self, texts: &[&str], deadline: Instant) -> String {
        let mut others = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.0.recv_timeout(left) else {
                panic!("no line with {texts:?} in time, only: {others}");
            };
            if texts.iter().all(|text| line.contains(text)) {
                return line;
            }
            others += &format!("\n{line}");
        }
    }

    /// The lines that have arrived and contain the text.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.0.try_iter().filter(|line| line.contains(text)).count()
    }
}

/// Closes the reading end of the program's log, as in `whisper-node 2>&1 | head`.
pub(crate) fn without_log(command: &mut Command) -> Running {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    Running::start(command.stderr(writer))
}

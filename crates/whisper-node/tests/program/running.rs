//! The program in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

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

    /// Sends the signal and waits for the end. Returns the rest of the output, and whether the program succeeded.
    pub(crate) fn signal(mut self, signal: &str) -> (String, bool) {
        let sent =
            Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
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
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        self.child.wait().unwrap().success()
    }
}

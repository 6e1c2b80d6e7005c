//! The program in a process of its own, for tests that meet it as an operator does.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStdout, Command, Stdio},
};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_whisper-node");

/// A program that runs until the test is over.
pub(crate) struct Running {
    child: Child,
    /// Kept open: the program prints to it until it ends.
    stdout: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where the test came to its end.
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

    /// The value of the next line, which must have this name.
    pub(crate) fn value(&mut self, name: &str) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.strip_prefix(name).unwrap_or_else(|| panic!("no {name} in {line:?}")).trim().to_owned()
    }

    /// Sends the signal, and waits for the end: the rest of the output, and whether it was a success.
    #[allow(dead_code, reason = "not every test that has this module sends one")]
    pub(crate) fn signal(mut self, signal: &str) -> (String, bool) {
        let sent =
            Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().success())
    }
}

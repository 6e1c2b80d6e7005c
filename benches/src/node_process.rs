//! A node, or its clients, in another process.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A node in another process, so that the memory and the processor time of its peers are not counted. The process is
/// this program, started again.
pub struct NodeProcess {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl NodeProcess {
    /// Starts this program with these arguments, and with the environment variable `variable`, which tells it that it
    /// is the node, or whatever else is to run apart.
    ///
    /// # Panics
    ///
    /// The program cannot be started.
    #[must_use]
    pub fn start(variable: &str, value: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(env::current_exe().expect("the path of this program"))
            .args(arguments)
            .env(variable, value)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, input, output }
    }

    /// The next line that the node prints.
    ///
    /// # Panics
    ///
    /// The node has ended.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let length = self.output.read_line(&mut line).expect("a pipe");
        assert_ne!(length, 0, "the node has ended");
        line.trim().to_owned()
    }

    /// Sends a line to the node. Returns the next line that it prints.
    ///
    /// # Panics
    ///
    /// The node has ended.
    pub fn ask(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").expect("the node reads its input");
        self.line()
    }

    /// Closes the input of the node, which ends it. Returns the rest of its output.
    ///
    /// # Panics
    ///
    /// The output is not text.
    pub fn stop(self) -> String {
        let Self { mut child, input, mut output } = self;
        drop(input);
        let mut rest = String::new();
        output.read_to_string(&mut rest).expect("text");
        child.wait().expect("the node ends");
        rest
    }
}

//! A program in a terminal, driven by tmux as a person would.

use std::{ffi::OsStr, io, process::Output};

use tokio::process::Command;

use crate::check::{Failure, within};

/// A terminal. Its server ends with it.
pub(crate) struct Terminal {
    socket: String,
}

impl Terminal {
    /// Runs a program with the password of its topic in the environment; `None` if there is no tmux.
    pub(crate) async fn run(
        name: &str,
        program: &OsStr,
        arguments: &[&str],
        password: &str,
    ) -> Result<Option<Self>, Failure> {
        let terminal = Self { socket: format!("interop-{name}-{}", std::process::id()) };
        let mut command = terminal.command();
        command.args(["new-session", "-d", "-x", "120", "-y", "40", "--"]);
        let started = command.arg(program).args(arguments).env("WHISPER_PASSWORD", password);
        match started.output().await {
            Ok(output) => succeeded(output).map(|_| Some(terminal)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        // All characters, whatever the language of the machine is.
        command.args(["-u", "-f", "/dev/null", "-L", &self.socket]);
        command
    }

    async fn tmux(&self, words: &[&str]) -> Result<String, Failure> {
        succeeded(self.command().args(words).output().await?)
    }

    /// Types a text, and Enter.
    pub(crate) async fn type_line(&self, text: &str) -> Result<(), Failure> {
        self.tmux(&["send-keys", "-l", "--", text]).await?;
        self.tmux(&["send-keys", "Enter"]).await.map(drop)
    }

    /// Waits until the screen has a text.
    pub(crate) async fn wait_for(&self, text: &str) -> Result<(), Failure> {
        let mut screen = String::new();
        let shown = async {
            while !screen.contains(text) {
                screen = self.tmux(&["capture-pane", "-p"]).await?;
            }
            Ok(())
        };
        let shown = within(text, shown).await;
        shown.map_err(|error| format!("{error} in the terminal, which shows: {screen}"))?
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut end = std::process::Command::new("tmux");
        // The program may have ended, and the server with it.
        let _ = end.args(["-L", &self.socket, "kill-server"]).output();
    }
}

fn succeeded(output: Output) -> Result<String, Failure> {
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => Err(format!("tmux: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

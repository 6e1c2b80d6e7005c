//! Shows the progress of a command on a terminal.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line on stderr that shows what the command does. It is hidden if stdout is not a terminal, because then a script
/// reads the results.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A line that begins with the name of the command.
    pub(super) fn new(command: &'static str) -> Self {
        let target = match io::stdout().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target).with_prefix(command);
        // The template is constant. If it were invalid, the default style would be used.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} [{elapsed}]") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// A bar that shows how much of a total is done.
    pub(super) fn with_total(command: &'static str) -> Self {
        let progress = Self::new(command);
        let template = "{spinner} {prefix}: [{bar:32}] {percent}% {msg} [{elapsed}]";
        if let Ok(style) = ProgressStyle::with_template(template) {
            progress.0.set_style(style);
        }
        progress
    }

    /// Shows that `done` of `total` is done.
    pub(super) fn move_to(&self, done: u64, total: u64, message: String) {
        self.0.set_length(total);
        self.0.set_position(done);
        self.0.set_message(message);
    }

    /// Removes the line.
    pub(super) fn hide(&self) {
        self.0.finish_and_clear();
    }

    /// Sets the message.
    pub(super) fn show(&self, message: String) {
        self.0.set_message(message);
    }

    /// Hides the line while `print` prints results.
    pub(super) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

//! How far a command is, for a person who waits.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line on stderr that says what is going on. There is none where the results do not go to a
/// terminal: then a script reads them, and nobody waits.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A line that begins with these words.
    pub(super) fn new(doing: &'static str) -> Self {
        let watched = io::stdout().is_terminal();
        let target =
            if watched { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target).with_prefix(doing);
        // A template that is wrong would be seen by whoever wrote it.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} [{elapsed}]") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// What is said now.
    pub(super) fn say(&self, words: String) {
        self.0.set_message(words);
    }

    /// Lets `print` write a line of results without the line of progress in its way.
    pub(super) fn pause<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

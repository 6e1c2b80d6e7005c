//! How a command prints its results: for people, or as JSON for scripts.

use clap::Args;
use serde::Serialize;

use crate::cli::console;
use crate::cli::failure::Failure;

/// The flag of every command that prints results, but for those that print nothing but JSON.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Print JSON, one value a line
    #[arg(long)]
    json: bool,
}

impl Output {
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Prints a result: the value in JSON, or the text.
    pub(crate) fn print(
        self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.json {
            true => print_json(value),
            false => console::print(&text()),
        }
    }
}

/// Prints a value as a line of JSON.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    console::print(&serde_json::to_string(value).map_err(Failure::Json)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    /// The commands without the flag, and why.
    const WITHOUT: [(&str, &str); 17] = [
        ("run", "runs until it is stopped"),
        ("bootnode", "runs until it is stopped"),
        ("demo", "is a demonstration"),
        ("chat", "draws on a terminal"),
        ("config default", "prints TOML"),
        ("rpc discover", "prints only JSON"),
        ("send", "prints only JSON"),
        ("listen", "prints only JSON"),
        ("file send", "prints only JSON"),
        ("file receive", "prints only JSON"),
        ("key export", "prints nothing"),
        ("key passwd", "prints nothing"),
        ("store passwd", "prints nothing"),
        ("man", "writes files"),
        ("completions", "prints a script"),
        ("help", "prints help"),
        ("", "is `run`"),
    ];

    /// All commands that do something, by their words.
    fn commands(command: &clap::Command, words: &str, found: &mut BTreeMap<String, bool>) {
        if !command.has_subcommands() || !command.is_subcommand_required_set() {
            let has_flag = command.get_arguments().any(|arg| arg.get_long() == Some("json"));
            found.insert(words.to_owned(), has_flag);
        }
        for inner in command.get_subcommands() {
            let words = format!("{words} {}", inner.get_name());
            commands(inner, words.trim(), found);
        }
    }

    #[test]
    fn every_command_that_prints_results_can_print_json() {
        let mut found = BTreeMap::new();
        commands(&crate::cli::command(), "", &mut found);
        assert!(found.len() > 30, "{found:?}");
        for (words, has_flag) in found {
            let reason = WITHOUT.iter().find(|(without, _)| *without == words);
            assert_eq!(has_flag, reason.is_none(), "`{words}` has --json: {has_flag}");
        }
    }
}

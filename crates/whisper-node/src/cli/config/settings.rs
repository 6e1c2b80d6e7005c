//! The table of all settings: the flags of `whisper-node run`, with their keys and variables.

use clap::{Arg, ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _, Parser};

use super::given::{Given, Source};
use crate::cli::flags::Flags;

/// The beginning of the name of every variable.
pub(super) const VARIABLE_PREFIX: &str = "WHISPER_NODE_";

/// Flags whose name is also the first word of other flags, and their keys. In the file that word is a table, so the flag
/// is a key in it. A test holds this against the flags.
const KEYS_IN_OWN_TABLE: [(&str, &str); 5] = [
    ("archive", "archive.store"),
    ("http", "http.enabled"),
    ("metrics", "metrics.enabled"),
    ("store", "store.enabled"),
    ("ws", "ws.enabled"),
];

/// Settings whose values are secrets or may contain one. `config show` does not print them.
const SECRET: [&str; 3] = ["archive", "nodekeyhex", "proxy"];

/// The command line of a node alone, without subcommands.
#[derive(Debug, Parser)]
#[command(name = "whisper-node", no_binary_name = true)]
struct NodeCommand {
    #[command(flatten)]
    flags: Flags,
}

/// All settings of a node.
#[derive(Debug)]
pub(crate) struct Settings {
    command: clap::Command,
    all: Vec<Setting>,
}

/// A setting: a flag, a key of the configuration file and an environment variable with one meaning.
#[derive(Debug)]
pub(crate) struct Setting {
    arg: Arg,
    /// The flag, without the two hyphens: `http.port`.
    pub(crate) flag: String,
    /// The key in the file, a path through tables: `http.port`.
    pub(crate) key: String,
    /// The variable: `WHISPER_NODE_HTTP_PORT`.
    pub(crate) variable: String,
}

/// Lets every switch take a value (`--metrics=false`), so that a stronger source can turn off what a weaker one turns on.
pub(crate) fn with_switches(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .value_parser(clap::value_parser!(bool))
            .value_name("BOOL")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .default_value("false")
            .hide_default_value(true)
            .hide_possible_values(true),
        _ => arg,
    })
}

impl Settings {
    /// The settings of `whisper-node run`.
    pub(crate) fn of_a_node() -> Self {
        let command = with_switches(NodeCommand::command());
        let args = command.get_arguments().filter(|arg| !arg.is_hide_set());
        let all = args.filter_map(Setting::of).collect();
        Self { command, all }
    }

    /// All settings, in the order of the help.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Setting> {
        self.all.iter()
    }

    /// The default of the setting with this key.
    pub(crate) fn default_of(&self, key: &str) -> Option<String> {
        self.by_key(key)?.default()
    }

    /// The setting with this key.
    pub(super) fn by_key(&self, key: &str) -> Option<&Setting> {
        self.all.iter().find(|setting| setting.key == key)
    }

    /// The setting with this variable.
    pub(super) fn by_variable(&self, name: &str) -> Option<&Setting> {
        self.all.iter().find(|setting| setting.variable == name)
    }

    /// Whether the two flags exclude each other.
    pub(super) fn conflict(&self, one: &str, other: &str) -> bool {
        let excludes = |one: &str, other: &str| {
            let Some(setting) = self.by_key(one) else { return false };
            let excluded = self.command.get_arg_conflicts_with(&setting.arg);
            excluded.into_iter().any(|arg| self.by_key(other).is_some_and(|it| it.arg == *arg))
        };
        excludes(one, other) || excludes(other, one)
    }

    /// The flags of a node in these words.
    pub(crate) fn flags(&self, words: Vec<String>) -> Result<Flags, clap::Error> {
        Flags::from_arg_matches(&self.parse(words)?)
    }

    /// Parses flags of a node.
    pub(super) fn parse(
        &self,
        words: impl IntoIterator<Item = String>,
    ) -> Result<ArgMatches, clap::Error> {
        self.command.clone().try_get_matches_from(words)
    }
}

impl Setting {
    /// The setting of an argument; `None` for `--help`.
    fn of(arg: &Arg) -> Option<Self> {
        if matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::Version) {
            return None;
        }
        let flag = arg.get_long()?.to_owned();
        let own_table = KEYS_IN_OWN_TABLE.iter().find(|(name, _)| *name == flag);
        let key = own_table.map_or(flag.as_str(), |(_, key)| key).to_owned();
        let variable = flag.to_uppercase().replace(['.', '-'], "_");
        let variable = format!("{VARIABLE_PREFIX}{variable}");
        Some(Self { arg: arg.clone(), flag, key, variable })
    }

    /// The setting with values from a source.
    pub(super) fn given(&self, values: Vec<String>, source: Source) -> Given {
        Given { flag: self.flag.clone(), key: self.key.clone(), values, source }
    }

    /// The id of the argument in `clap`.
    pub(super) fn id(&self) -> &str {
        self.arg.get_id().as_str()
    }

    /// What the setting means.
    pub(super) fn help(&self) -> String {
        self.arg.get_help().map(ToString::to_string).unwrap_or_default()
    }

    /// The name of its value: `PORT`.
    pub(super) fn value_name(&self) -> &str {
        self.arg.get_value_names().and_then(<[_]>::first).map_or("VALUE", |name| name.as_str())
    }

    /// Its default, if it has one that is not empty.
    pub(super) fn default(&self) -> Option<String> {
        let values = self.arg.get_default_values().iter();
        let text = values.map(|value| value.to_string_lossy()).collect::<Vec<_>>().join(",");
        (!text.is_empty()).then_some(text)
    }

    /// Whether its value is a list, which the file may write as an array.
    pub(super) fn is_list(&self) -> bool {
        self.help().to_lowercase().contains("comma-separated")
    }

    /// Whether its value must not be shown.
    pub(super) fn is_secret(&self) -> bool {
        SECRET.contains(&self.flag.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_flag_that_begins_others_has_a_key_in_its_own_table() {
        let settings = Settings::of_a_node();
        let begins_others = |flag: &str| {
            let table = format!("{flag}.");
            settings.iter().any(|setting| setting.flag.starts_with(&table))
        };
        let found: BTreeSet<_> =
            settings.iter().map(|it| it.flag.as_str()).filter(|flag| begins_others(flag)).collect();
        assert_eq!(found, KEYS_IN_OWN_TABLE.map(|(flag, _)| flag).into());
    }

    #[test]
    fn no_two_settings_share_a_key_or_a_variable() {
        let settings = Settings::of_a_node();
        let keys: BTreeSet<_> = settings.iter().map(|setting| &setting.key).collect();
        let variables: BTreeSet<_> = settings.iter().map(|setting| &setting.variable).collect();
        assert_eq!((keys.len(), variables.len()), (settings.all.len(), settings.all.len()));
        for secret in SECRET {
            assert!(settings.iter().any(|setting| setting.flag == secret), "{secret}");
        }
    }

    #[test]
    fn every_switch_can_be_turned_off() {
        let settings = Settings::of_a_node();
        for setting in settings.iter() {
            if setting.arg.get_value_parser().type_id() == std::any::TypeId::of::<bool>() {
                let (on, off) =
                    (format!("--{}", setting.flag), format!("--{}=false", setting.flag));
                for (word, value) in [(on, true), (off, false)] {
                    let matches = settings.parse([word.clone()]).unwrap();
                    assert_eq!(matches.get_one::<bool>(setting.id()), Some(&value), "{word}");
                }
            }
        }
    }
}

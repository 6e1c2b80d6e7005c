//! Configuration files that the program writes: all settings, with what they mean.

use serde::Serialize;

use super::given::Given;
use super::settings::{Setting, Settings};

/// Maximum length of a line of a comment.
const WIDTH: usize = 100;

/// The begin of the file that `config default` prints.
const HEAD: &str = "The configuration of whisper-node. Every key is also a flag (--http.port) and an environment variable \
     (WHISPER_NODE_HTTP_PORT). A flag is stronger than a variable, and a variable than this file. \
     Remove the # in front of a key to set it. A value that is shown is the default.";

/// A file with all settings, and no value: the defaults are comments.
pub(crate) fn default_file(settings: &Settings) -> String {
    let mut text = comment(HEAD);
    text.push('\n');
    for_each_in_tables(settings, &mut text, |setting, name, text| {
        text.push_str(&comment(&setting.help()));
        let value = setting.default().map_or_else(
            || format!("\"{}\"", setting.value_name()),
            |default| value(setting, &default),
        );
        text.push_str(&format!("#{name} = {value}\n\n"));
    });
    text.truncate(text.trim_end().len());
    text
}

/// The settings of a node: those that are given, each with its source, and the defaults as comments.
pub(crate) fn shown(settings: &Settings, given: &[Given]) -> String {
    let mut text = String::new();
    for_each_in_tables(settings, &mut text, |setting, name, text| {
        let line = match given.iter().find(|given| given.key == setting.key) {
            Some(given) if setting.is_secret() => {
                format!("#{name} is a secret # {}\n", given.source)
            }
            Some(given) => {
                let value = value(setting, &given.value());
                format!("{name} = {value} # {}\n", given.source)
            }
            None => match setting.default() {
                Some(default) => format!("#{name} = {}\n", value(setting, &default)),
                None => format!("#{name} is not set\n"),
            },
        };
        text.push_str(&line);
    });
    text.truncate(text.trim_end().len());
    text
}

/// A setting as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct SettingValue<'a> {
    key: &'a str,
    /// As text; `None`: it is not set, or is a secret.
    value: Option<String>,
    /// Where the value comes from; `None`: it is the default.
    source: Option<String>,
}

/// The same settings as JSON.
pub(crate) fn values<'a>(settings: &'a Settings, given: &[Given]) -> Vec<SettingValue<'a>> {
    let value = |setting: &'a Setting| {
        let given = given.iter().find(|given| given.key == setting.key);
        let value = match given {
            Some(_) if setting.is_secret() => None,
            Some(given) => Some(given.value()),
            None => setting.default(),
        };
        let source = given.map(|given| given.source.to_string());
        SettingValue { key: &setting.key, value, source }
    };
    settings.iter().filter(|setting| setting.key != "config").map(value).collect()
}

/// Calls `each` for every setting, with its name in its table. Keys without a table come first, as TOML demands.
fn for_each_in_tables(
    settings: &Settings,
    text: &mut String,
    mut each: impl FnMut(&Setting, &str, &mut String),
) {
    let mut tables: Vec<&str> = vec![""];
    for setting in settings.iter() {
        let table = split(&setting.key).0;
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    for table in tables {
        if !table.is_empty() {
            text.push_str(&format!("\n[{table}]\n"));
        }
        for setting in settings.iter().filter(|setting| setting.key != "config") {
            if let (found, name) = split(&setting.key)
                && found == table
            {
                each(setting, name, text);
            }
        }
    }
}

/// The table of a key, which is empty for a key without one, and its name there.
fn split(key: &str) -> (&str, &str) {
    key.split_once('.').unwrap_or(("", key))
}

/// A value as TOML writes it.
fn value(setting: &Setting, text: &str) -> String {
    let is_bare = text.parse::<bool>().is_ok()
        || text.parse::<i64>().is_ok()
        || (text.parse::<f64>().is_ok() && text.contains('.'));
    match (is_bare, setting.is_list() && text.contains(',')) {
        (true, _) => text.to_owned(),
        (false, true) => {
            let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
            let entries: Vec<_> = entries.map(quoted).collect();
            format!("[{}]", entries.join(", "))
        }
        (false, false) => quoted(text),
    }
}

/// A TOML string: literal where it can be, so that a path is not escaped.
fn quoted(text: &str) -> String {
    let needs_escapes = text.contains(['\\', '"']) || text.contains(char::is_control);
    match (needs_escapes, text.contains('\'') || text.contains(char::is_control)) {
        (false, _) => format!("\"{text}\""),
        (true, false) => format!("'{text}'"),
        (true, true) => {
            let escaped = text.chars().map(|letter| match letter {
                '\\' => "\\\\".to_owned(),
                '"' => "\\\"".to_owned(),
                letter if letter.is_control() => format!("\\u{:04x}", u32::from(letter)),
                letter => letter.to_string(),
            });
            format!("\"{}\"", escaped.collect::<String>())
        }
    }
}

/// A comment of as many lines as it needs.
fn comment(text: &str) -> String {
    let (mut out, mut line) = (String::new(), String::from("#"));
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
    out
}

//! The settings in a configuration file: TOML, with the flags as keys.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Found;
use super::check;
use super::given::{Given, Source};
use super::problem::Problem;
use super::settings::{Setting, Settings};
use crate::cli::failure::Failure;

/// Settings that a file cannot give, and why.
const NOT_IN_A_FILE: [(&str, &str); 1] =
    [("config", "a configuration file cannot name another one")];

/// The settings of a file. What is wrong in it goes to `problems`.
///
/// # Errors
///
/// The file cannot be read.
pub(super) fn given(
    settings: &Settings,
    file: &Found,
    problems: &mut Vec<Problem>,
) -> Result<Vec<Given>, Failure> {
    let path = &file.path;
    let text = fs::read_to_string(path)
        .map_err(|source| Failure::ConfigFile { path: path.clone(), source })?;
    let mut reader = Reader {
        settings,
        path: Arc::new(path.clone()),
        in_datadir: file.in_datadir,
        text: &text,
        given: Vec::new(),
        problems,
    };
    match DeTable::parse(&text) {
        Ok(table) => reader.table("", table.get_ref()),
        Err(error) => {
            let start = error.span().map_or(0, |span| span.start);
            let source = reader.source(start);
            reader.problems.push(Problem::new(source, format!("not TOML: {}", error.message())));
        }
    }
    Ok(reader.given)
}

struct Reader<'a> {
    settings: &'a Settings,
    path: Arc<PathBuf>,
    in_datadir: bool,
    text: &'a str,
    given: Vec<Given>,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    /// The place of the byte `start`.
    fn source(&self, start: usize) -> Source {
        let line = 1 + self.text.bytes().take(start).filter(|byte| *byte == b'\n').count();
        Source::File(Arc::clone(&self.path), line)
    }

    /// Reads a table. `prefix` is its name with a period, or empty.
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let source = self.source(name.span().start);
            match (self.settings.by_key(&key), value.get_ref()) {
                (None, DeValue::Table(inner)) if self.is_table(&key) => {
                    self.table(&format!("{key}."), inner);
                }
                (None, _) => {
                    let known = self.settings.iter().map(|setting| setting.key.as_str());
                    self.problems.push(check::unknown(source, &key, known));
                }
                (Some(setting), value) => self.setting(setting, value, source),
            }
        }
    }

    /// Whether some setting is in the table.
    fn is_table(&self, name: &str) -> bool {
        let prefix = format!("{name}.");
        self.settings.iter().any(|setting| setting.key.starts_with(&prefix))
    }

    fn setting(&mut self, setting: &Setting, value: &DeValue<'_>, source: Source) {
        let excluded = NOT_IN_A_FILE.iter().find(|(key, _)| *key == setting.key);
        let excluded = excluded.map(|(_, reason)| *reason).or_else(|| {
            (self.in_datadir && setting.key == "datadir")
                .then_some("the file in the data directory cannot name another one")
        });
        if let Some(reason) = excluded {
            self.problems.push(Problem::new(source, format!("{}: {reason}", setting.key)));
            return;
        }
        let Some(text) = value_text(value) else {
            let kind = value.type_str();
            let what = format!("{}: expected {}, found a {kind}", setting.key, expected(setting));
            self.problems.push(Problem::new(source, what));
            return;
        };
        match check::value(self.settings, setting, &text, &source) {
            Some(problem) => self.problems.push(problem),
            None => self.given.push(setting.given(vec![text], source)),
        }
    }
}

/// What a setting takes in a file.
fn expected(setting: &Setting) -> &'static str {
    if setting.is_list() { "a string or an array of strings" } else { "a string or a number" }
}

/// The text that the flag would have. An array is a list.
fn value_text(value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().replace('_', ""),
        DeValue::Float(number) => number.as_str().replace('_', ""),
        DeValue::Boolean(on) => on.to_string(),
        DeValue::Array(entries) => {
            let entries: Option<Vec<_>> =
                entries.iter().map(Spanned::get_ref).map(value_text).collect();
            entries?.join(",")
        }
        DeValue::Integer(_) | DeValue::Datetime(_) | DeValue::Table(_) => return None,
    })
}

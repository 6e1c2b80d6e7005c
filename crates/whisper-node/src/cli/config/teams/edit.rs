//! Writes changes of teams into their file. Comments and everything else in it stay.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, value};
use whisper_rpc::{Quotas, Scopes, Team, TeamName, TeamToken};

use super::moment::of_unix_time;
use super::{QUOTA_KEYS, parse};

/// Replaces the table of a team in the file; `None` removes it. An error is one line of text.
pub(crate) fn keep(path: &Path, name: &TeamName, team: Option<&Team>) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(failed)?;
    let edited =
        edited(&text, name, team).map_err(|error| format!("{}: {error}", path.display()))?;
    // What is written must be readable.
    parse(path, &edited).map_err(|error| error.to_string())?;
    replace(path, &edited).map_err(failed)
}

/// The text with the change.
fn edited(
    text: &str,
    name: &TeamName,
    team: Option<&Team>,
) -> Result<String, toml_edit::TomlError> {
    let mut file = text.parse::<DocumentMut>()?;
    let mut all = Table::new();
    all.set_implicit(true);
    let teams = file.entry("team").or_insert(Item::Table(all));
    if let Some(teams) = teams.as_table_like_mut() {
        match team {
            None => _ = teams.remove(name.as_str()),
            Some(team) => {
                let table = teams.entry(name.as_str()).or_insert(Item::Table(Table::new()));
                if let Some(table) = table.as_table_like_mut() {
                    fill(table, team);
                }
            }
        }
    }
    Ok(file.to_string())
}

/// Sets the keys of a team. A key that has its default is removed.
fn fill(table: &mut dyn toml_edit::TableLike, team: &Team) {
    let (Scopes { methods, topics, post, history, admin }, default) =
        (&team.scopes, Scopes::default());
    let mut set = |key: &str, item: Option<Item>| match item {
        None => _ = table.remove(key),
        Some(item) => match table.get_mut(key) {
            // The comment behind a value stays.
            Some(old) if old.to_string().trim() == item.to_string().trim() => {}
            _ => _ = table.insert(key, item),
        },
    };
    let strings = |texts: Vec<String>| {
        (!texts.is_empty()).then(|| value(texts.into_iter().collect::<Array>()))
    };
    let switch = |on: bool, default: bool| (on != default).then(|| value(on));
    let tokens: Array = team.tokens.iter().map(token).collect();
    set("tokens", (!tokens.is_empty()).then(|| value(tokens)));
    set("methods", strings(methods.iter().map(ToString::to_string).collect()));
    set("topics", strings(topics.iter().map(ToString::to_string).collect()));
    set("post", switch(*post, default.post));
    set("history", switch(*history, default.history));
    set("admin", switch(*admin, default.admin));
    let Quotas { calls, bytes, filters, post_bytes } = team.quotas;
    let limits = QUOTA_KEYS.iter().zip([calls, bytes, filters, post_bytes]);
    let given = limits.filter_map(|(key, limit)| Some((*key, i64::from(limit?.get()))));
    let given: Vec<(&str, i64)> = given.collect();
    // A table with a header stays one.
    match table.get_mut("quota").and_then(Item::as_table_mut) {
        Some(old) if !given.is_empty() => {
            old.retain(|key, _| given.iter().any(|(name, _)| *name == key));
            given.into_iter().for_each(|(key, limit)| _ = old.insert(key, value(limit)));
        }
        _ if given.is_empty() => _ = table.remove("quota"),
        _ => _ = table.insert("quota", value(given.into_iter().collect::<InlineTable>())),
    }
}

fn token(token: &TeamToken) -> toml_edit::Value {
    let hash = token.hash.to_string();
    match token.expires.and_then(of_unix_time) {
        None => hash.into(),
        Some(expires) => {
            let mut table = InlineTable::new();
            table.insert("hash", hash.into());
            table.insert("expires", expires.into());
            table.into()
        }
    }
}

/// Replaces the file as a whole, so that a power failure leaves the old or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = File::create(&new)?;
    file.set_permissions(fs::metadata(path)?.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# Who may use this node.\nipc = \"alarms\"\n\n[team.weather] # in the office\n\
                        topics = [\"0x6e65\"] # news\npost = false\n\n[team.alarms]\n";

    fn team(name: &str) -> Team {
        Team::new(name.parse().unwrap())
    }

    #[test]
    fn a_change_keeps_comments_and_what_did_not_change() {
        let mut weather = team("weather");
        weather.scopes.topics = vec!["0x6e65".parse().unwrap()];
        let hash = "11".repeat(32);
        let expires = Some(951_827_401);
        weather.tokens = vec![
            TeamToken { hash: hash.parse().unwrap(), expires: None },
            TeamToken { hash: "22".repeat(32).parse().unwrap(), expires },
        ];
        let text = edited(FILE, &weather.name, Some(&weather)).unwrap();
        let expected = FILE.replace(
            "post = false\n",
            &format!(
                "tokens = [\"{hash}\", {{ hash = \"{}\", expires = 2000-02-29T12:30:01Z }}]\n",
                "22".repeat(32)
            ),
        );
        assert_eq!(text, expected);
        assert!(parse(Path::new("x"), &text).unwrap().teams.contains(&weather));
    }

    #[test]
    fn teams_are_added_and_removed() {
        let mut new = team("new");
        new.scopes.admin = true;
        new.quotas.calls = std::num::NonZeroU32::new(7);
        let added = edited(FILE, &new.name, Some(&new)).unwrap();
        assert_eq!(added, format!("{FILE}\n[team.new]\nadmin = true\nquota = {{ calls = 7 }}\n"));
        assert_eq!(edited(&added, &new.name, None).unwrap(), FILE);
        let first = edited("", &new.name, Some(&new)).unwrap();
        assert_eq!(first, "[team.new]\nadmin = true\nquota = { calls = 7 }\n");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("teams.toml");
        let new = team("new");
        assert!(keep(&path, &new.name, Some(&new)).unwrap_err().contains("teams.toml: "));
        fs::write(&path, "team = 1\n").unwrap();
        assert!(keep(&path, &new.name, Some(&new)).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "team = 1\n");
        fs::write(&path, "").unwrap();
        keep(&path, &new.name, Some(&new)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "[team.new]\n");
    }
}

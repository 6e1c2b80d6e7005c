//! Writes changes of teams into their file. Comments and everything else in it stay.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, value};
use whisper_rpc::{Quota, Quotas, Scopes, Team, TeamName, TeamToken, TokenHash};

use super::moment::of_unix_time;
use super::parse;

/// Replaces the table of a team in the file; `None` removes it. An error is one line of text.
pub(crate) fn keep(path: &Path, name: &TeamName, team: Option<&Team>) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(failed)?;
    parse(path, &text).map_err(|error| error.to_string())?;
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
    let before = parse(Path::new(""), text).unwrap_or_default();
    let old = before.teams.into_iter().find(|team| team.name == *name);
    let old = old.unwrap_or_else(|| Team::new(name.clone()));
    let mut all = Table::new();
    all.set_implicit(true);
    let teams = file.entry("team").or_insert(Item::Table(all));
    if let Some(teams) = teams.as_table_like_mut() {
        match team {
            None => _ = teams.remove(name.as_str()),
            Some(team) => {
                let table = teams.entry(name.as_str()).or_insert(Item::Table(Table::new()));
                if let Some(table) = table.as_table_like_mut() {
                    fill(table, &old, team);
                }
            }
        }
    }
    Ok(file.to_string())
}

/// Sets the keys of a team that differ from those before. A key that has its default is removed.
fn fill(table: &mut dyn TableLike, old: &Team, new: &Team) {
    let default = Scopes::default();
    let (was, is) = (&old.scopes, &new.scopes);
    let mut set = |key: &str, item: Option<Item>| match (item, table.get_mut(key)) {
        (None, _) => _ = table.remove(key),
        (Some(item), None) => _ = table.insert(key, item),
        (Some(mut item), Some(found)) => {
            // The comment behind the value stays.
            if let (Some(found), Some(item)) = (found.as_value(), item.as_value_mut()) {
                *item.decor_mut() = found.decor().clone();
            }
            *found = item;
        }
    };
    let switch = |on: bool, default: bool| (on != default).then(|| value(on));
    if was.methods != is.methods {
        set("methods", strings(is.methods.iter().map(ToString::to_string)));
    }
    if was.topics != is.topics {
        set("topics", strings(is.topics.iter().map(ToString::to_string)));
    }
    if was.post != is.post {
        set("post", switch(is.post, default.post));
    }
    if was.history != is.history {
        set("history", switch(is.history, default.history));
    }
    if was.admin != is.admin {
        set("admin", switch(is.admin, default.admin));
    }
    if old.tokens != new.tokens {
        fill_tokens(table, old, new);
    }
    if old.quotas != new.quotas {
        fill_quotas(table, new.quotas);
    }
}

/// An array of these texts; `None` if there are none.
fn strings(texts: impl Iterator<Item = String>) -> Option<Item> {
    let array: Array = texts.collect();
    (!array.is_empty()).then(|| value(array))
}

/// Removes and adds tokens. The others stay as they are, with their comments.
fn fill_tokens(table: &mut dyn TableLike, old: &Team, new: &Team) {
    let added = new.tokens.iter().filter(|token| !old.tokens.contains(token)).map(token);
    match table.get_mut("tokens").and_then(Item::as_array_mut) {
        Some(array) => {
            array.retain(|item| {
                let text = item.as_str().or_else(|| item.as_inline_table()?.get("hash")?.as_str());
                let hash = text.and_then(|text| text.parse::<TokenHash>().ok());
                new.tokens.iter().any(|token| Some(token.hash) == hash)
            });
            added.for_each(|token| array.push(token));
        }
        None => _ = table.insert("tokens", value(added.collect::<Array>())),
    }
}

/// Sets the quotas. A table with a header stays one.
fn fill_quotas(table: &mut dyn TableLike, quotas: Quotas) {
    let limit = |quota| Some((Quota::name(quota), i64::from(quotas.get(quota)?.get())));
    let given: Vec<(&str, i64)> = Quota::ALL.into_iter().filter_map(limit).collect();
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
        new.quotas.set(Quota::Calls, std::num::NonZeroU32::new(7));
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

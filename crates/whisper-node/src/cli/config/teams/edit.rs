//! Writes changes of teams into their file. Comments and everything else in it stay.

use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, value};
use whisper_rpc::{Credential, Quota, Quotas, Scopes, Team, TeamName};

use super::moment::of_unix_time;
use super::parse;

/// Makes a change of a team in the file: from `old` to `new`, of which `None` is that there is no such team. What else was changed in
/// the file meanwhile stays. Other programs that change the file wait. An error is one line of text.
pub(crate) fn keep(
    path: &Path,
    name: &TeamName,
    old: Option<&Team>,
    new: Option<&Team>,
) -> Result<(), String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let _lock = lock(path).map_err(failed)?;
    let text = fs::read_to_string(path).map_err(failed)?;
    let before = parse(path, &text).map_err(|error| error.to_string())?;
    let is_there = before.teams.iter().any(|team| team.name == *name);
    if is_there && old.is_none() {
        return Err(format!("{}: there is a team {name} already", path.display()));
    }
    let edited = edited(&text, name, old.filter(|_| is_there), new);
    let edited = edited.map_err(|error| format!("{}: {error}", path.display()))?;
    // What is written must be readable.
    parse(path, &edited).map_err(|error| error.to_string())?;
    replace(path, &edited).map_err(failed)
}

/// Waits until no other program changes the file. The lock is on a file beside it, since the file itself is replaced. `None` on a
/// file system without locks.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).append(true).open(beside(path, ".lock"))?;
    match file.lock() {
        Ok(()) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path with something added to its name.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(end);
    path.with_file_name(name)
}

/// The text with the change.
fn edited(
    text: &str,
    name: &TeamName,
    old: Option<&Team>,
    new: Option<&Team>,
) -> Result<String, toml_edit::TomlError> {
    let mut file = text.parse::<DocumentMut>()?;
    let nothing = Team::new(name.clone());
    let mut all = Table::new();
    all.set_implicit(true);
    let teams = file.entry("team").or_insert(Item::Table(all));
    if let Some(teams) = teams.as_table_like_mut() {
        match new {
            None => _ = teams.remove(name.as_str()),
            Some(new) => {
                let table = teams.entry(name.as_str()).or_insert(Item::Table(Table::new()));
                if let Some(table) = table.as_table_like_mut() {
                    fill(table, old.unwrap_or(&nothing), new);
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
        fill_credentials(table, "tokens", &old.tokens, &new.tokens);
    }
    if old.certificates != new.certificates {
        fill_credentials(table, "certificates", &old.certificates, &new.certificates);
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

/// Removes and adds tokens or certificates. The others stay as they are, with their comments.
fn fill_credentials<H: FromStr + Display + PartialEq>(
    table: &mut dyn TableLike,
    key: &str,
    old: &[Credential<H>],
    new: &[Credential<H>],
) {
    let removed = |hash: &H| old.iter().any(|old| old.hash == *hash && !new.contains(old));
    let added = new.iter().filter(|credential| !old.contains(credential)).map(credential);
    match table.get_mut(key).and_then(Item::as_array_mut) {
        Some(array) => {
            array.retain(|item| {
                let text = item.as_str().or_else(|| item.as_inline_table()?.get("hash")?.as_str());
                let hash = text.and_then(|text| text.parse::<H>().ok());
                !hash.is_some_and(|hash| removed(&hash))
            });
            added.for_each(|credential| array.push(credential));
        }
        None => _ = table.insert(key, value(added.collect::<Array>())),
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

fn credential<H: Display>(credential: &Credential<H>) -> toml_edit::Value {
    let hash = credential.hash.to_string();
    match credential.expires.and_then(of_unix_time) {
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
    let new = beside(path, ".new");
    let mut file = File::create(&new)?;
    file.set_permissions(fs::metadata(path)?.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use whisper_rpc::{TeamCertificate, TeamToken};

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
        let before =
            Team { scopes: Scopes { post: false, ..weather.scopes.clone() }, ..weather.clone() };
        let hash = "11".repeat(32);
        let expires = Some(951_827_401);
        weather.tokens = vec![
            TeamToken { hash: hash.parse().unwrap(), expires: None },
            TeamToken { hash: "22".repeat(32).parse().unwrap(), expires },
        ];
        let certificate = hash.parse().unwrap();
        weather.certificates = vec![TeamCertificate { hash: certificate, expires: None }];
        let text = edited(FILE, &weather.name, Some(&before), Some(&weather)).unwrap();
        let expected = FILE.replace(
            "post = false\n",
            &format!(
                "tokens = [\"{hash}\", {{ hash = \"{}\", expires = 2000-02-29T12:30:01Z }}]\ncertificates = [\"{hash}\"]\n",
                "22".repeat(32)
            ),
        );
        assert_eq!(text, expected);
        // An end that is changed is written, and what is removed is gone.
        let mut later = weather.clone();
        later.certificates[0].expires = expires;
        later.tokens.remove(0);
        let changed = edited(&text, &later.name, Some(&weather), Some(&later)).unwrap();
        assert!(parse(Path::new("x"), &changed).unwrap().teams.contains(&later), "{changed}");
        assert!(parse(Path::new("x"), &text).unwrap().teams.contains(&weather));
    }

    #[test]
    fn teams_are_added_and_removed() {
        let mut new = team("new");
        new.scopes.admin = true;
        new.quotas.set(Quota::Calls, std::num::NonZeroU32::new(7));
        let added = edited(FILE, &new.name, None, Some(&new)).unwrap();
        assert_eq!(added, format!("{FILE}\n[team.new]\nadmin = true\nquota = {{ calls = 7 }}\n"));
        assert_eq!(edited(&added, &new.name, Some(&new), None).unwrap(), FILE);
        let first = edited("", &new.name, None, Some(&new)).unwrap();
        assert_eq!(first, "[team.new]\nadmin = true\nquota = { calls = 7 }\n");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("teams.toml");
        let new = team("new");
        assert!(keep(&path, &new.name, None, Some(&new)).unwrap_err().contains("teams.toml: "));
        fs::write(&path, "team = 1\n").unwrap();
        assert!(keep(&path, &new.name, None, Some(&new)).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "team = 1\n");
        fs::write(&path, "").unwrap();
        keep(&path, &new.name, None, Some(&new)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "[team.new]\n");
    }
    /// Two programs that change one team: an administrator over JSON-RPC, and the operator in the file.
    #[test]
    fn changes_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("teams.toml");
        fs::write(&path, FILE).unwrap();
        let before = read(&path, "weather");
        let with = |number: u32| {
            let hash = format!("{number:064x}").parse().unwrap();
            Team { tokens: vec![TeamToken { hash, expires: None }], ..before.clone() }
        };
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (path, before, changed) = (&path, &before, with(number));
                scope
                    .spawn(move || keep(path, &before.name, Some(before), Some(&changed)).unwrap());
            }
        });
        assert_eq!(read(&path, "weather").tokens.len(), 8, "each added its token");
        keep(&path, &before.name, Some(&with(3)), Some(&before)).unwrap();
        assert_eq!(read(&path, "weather").tokens.len(), 7);
        let again = keep(&path, &before.name, None, Some(&before)).unwrap_err();
        assert!(again.ends_with("there is a team weather already"), "{again}");
    }

    fn read(path: &Path, name: &str) -> Team {
        let teams = parse(path, &fs::read_to_string(path).unwrap()).unwrap().teams;
        teams.into_iter().find(|team| team.name.as_str() == name).unwrap()
    }
}

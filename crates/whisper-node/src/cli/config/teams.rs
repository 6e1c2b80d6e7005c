//! The file of the teams (`--teams`): TOML, with a table for each team.

mod edit;
mod moment;

use std::fmt::Display;
use std::fs;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use whisper_rpc::{
    Credential, MethodName, Quota, Quotas, Scopes, Team, TeamKeeper, TeamName, Teams, TeamsSettings,
};

use super::check::nearest;
use super::given::Source;
use super::problem::{ConfigError, Problem};
use crate::cli::failure::Failure;
pub(crate) use edit::keep as keep_team;

/// The keys of the file itself.
const FILE_KEYS: &[&str] = &["ipc", "team"];

/// The keys of a team.
const TEAM_KEYS: &[&str] =
    &["tokens", "certificates", "methods", "topics", "post", "history", "admin", "quota"];

/// The keys of a token or certificate that is a table.
const CREDENTIAL_KEYS: &[&str] = &["hash", "expires"];

/// Reads the file.
///
/// # Errors
///
/// It cannot be read, or everything that is wrong in it, each with its line.
pub(crate) fn read_teams(path: &Path) -> Result<Teams, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|source| Failure::TeamsFile { path: path.to_owned(), source })?;
    parse(path, &text).map_err(Failure::Config)
}

/// Reads the file, and keeps in it what administrators change over JSON-RPC.
pub(crate) fn teams_settings(path: &Path) -> Result<TeamsSettings, Failure> {
    let (teams, file) = (read_teams(path)?, path.to_owned());
    let keep = move |name: &TeamName, old: Option<&Team>, new: Option<&Team>| {
        keep_team(&file, name, old, new)
    };
    Ok(TeamsSettings { teams, keeper: Some(TeamKeeper::new(keep)) })
}

/// The teams in the text of the file at `path`.
fn parse(path: &Path, text: &str) -> Result<Teams, ConfigError> {
    let mut reader = Reader { path: Arc::new(path.to_owned()), text, problems: Vec::new() };
    let teams = match DeTable::parse(text) {
        Ok(table) => reader.file(table.get_ref()),
        Err(error) => {
            let span = error.span().unwrap_or_default();
            reader.problem(span, format!("not TOML: {}", error.message()));
            Teams::default()
        }
    };
    reader.problems.sort_by_key(Problem::order);
    match reader.problems.is_empty() {
        true => Ok(teams),
        false => Err(ConfigError(reader.problems)),
    }
}

struct Reader<'a> {
    path: Arc<std::path::PathBuf>,
    text: &'a str,
    problems: Vec<Problem>,
}

/// A value, and where it is.
type Value<'a> = Spanned<DeValue<'a>>;

impl Reader<'_> {
    fn problem(&mut self, span: Range<usize>, what: impl Into<String>) {
        let before = self.text.bytes().take(span.start);
        let line = 1 + before.filter(|byte| *byte == b'\n').count();
        self.problems.push(Problem::new(Source::File(Arc::clone(&self.path), line), what));
    }

    /// A key that does not exist there.
    fn unknown(&mut self, span: Range<usize>, key: &str, known: &[&str]) {
        let meant = match nearest(key, known.iter().copied()) {
            Some(nearest) => format!("did you mean {nearest}?"),
            None => format!("there are {}", known.join(", ")),
        };
        self.problem(span, format!("there is no setting {key} here; {meant}"));
    }

    /// A value of another kind than `wanted`.
    fn kind(&mut self, key: &str, value: &Value<'_>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.problem(value.span(), format!("{key}: expected {wanted}, found a {found}"));
    }

    fn file(&mut self, table: &DeTable<'_>) -> Teams {
        let mut teams = Teams::default();
        for (key, value) in table {
            match (&**key.get_ref(), value.get_ref()) {
                ("ipc", _) => teams.ipc = self.parsed("ipc", value),
                ("team", DeValue::Table(all)) => teams.teams = self.teams(all),
                ("team", _) => self.kind("team", value, "tables such as [team.weather]"),
                (other, _) => self.unknown(key.span(), other, FILE_KEYS),
            }
        }
        if let Some(ipc) = &teams.ipc
            && !teams.teams.iter().any(|team| team.name == *ipc)
            && let Some(value) = table.get("ipc")
        {
            self.problem(value.span(), format!("ipc: there is no team {ipc}"));
        }
        teams
    }

    fn teams(&mut self, tables: &DeTable<'_>) -> Vec<Team> {
        let mut teams: Vec<Team> = Vec::new();
        for (name, value) in tables {
            let key = format!("team.{}", name.get_ref());
            let parsed = name.get_ref().parse::<TeamName>();
            match (parsed, value.get_ref()) {
                (Err(error), _) => self.problem(name.span(), format!("{key}: {error}")),
                (Ok(name), DeValue::Table(table)) => {
                    let team = self.team(&key, Team::new(name), table, &teams);
                    teams.push(team);
                }
                (Ok(_), _) => self.kind(&key, value, "a table"),
            }
        }
        teams
    }

    fn team(&mut self, key: &str, mut team: Team, table: &DeTable<'_>, others: &[Team]) -> Team {
        let Scopes { methods, topics, post, history, admin } = &mut team.scopes;
        for (name, value) in table {
            let key = format!("{key}.{}", name.get_ref());
            match &**name.get_ref() {
                "tokens" => {
                    let of = |team: &Team| team.tokens.clone();
                    team.tokens = self.credentials((&key, "token"), value, others, of);
                }
                "certificates" => {
                    let of = |team: &Team| team.certificates.clone();
                    team.certificates = self.credentials((&key, "certificate"), value, others, of);
                }
                "methods" => {
                    let names = self.items(&key, value).iter();
                    *methods = names.filter_map(|name| self.method(&key, name)).collect();
                }
                "topics" => {
                    let texts = self.items(&key, value).iter();
                    *topics = texts.filter_map(|text| self.parsed(&key, text)).collect();
                }
                "post" => self.switch(&key, value, post),
                "history" => self.switch(&key, value, history),
                "admin" => self.switch(&key, value, admin),
                "quota" => team.quotas = self.quotas(&key, value),
                other => self.unknown(name.span(), other, TEAM_KEYS),
            }
        }
        team
    }

    fn quotas(&mut self, key: &str, value: &Value<'_>) -> Quotas {
        let mut quotas = Quotas::default();
        let DeValue::Table(table) = value.get_ref() else {
            self.kind(key, value, "a table");
            return quotas;
        };
        for (name, value) in table {
            let given: &str = name.get_ref();
            match Quota::ALL.into_iter().find(|quota| quota.name() == given) {
                Some(quota) => quotas.set(quota, self.limit(&format!("{key}.{given}"), value)),
                None => self.unknown(name.span(), given, &Quota::ALL.map(Quota::name)),
            }
        }
        quotas
    }

    /// A number of at least 1.
    fn limit(&mut self, key: &str, value: &Value<'_>) -> Option<NonZeroU32> {
        let DeValue::Integer(number) = value.get_ref() else {
            self.kind(key, value, "a number");
            return None;
        };
        let text = number.as_str().replace('_', "");
        let limit = (number.radix() == 10).then(|| text.parse().ok()).flatten();
        if limit.is_none() {
            let what = format!("{key}: {text} cannot be used: expected 1 to {}", u32::MAX);
            self.problem(value.span(), what);
        }
        limit
    }

    /// Tokens or certificates. `of`: those of another team. None may be there twice.
    fn credentials<H>(
        &mut self,
        (key, what): (&str, &str),
        value: &Value<'_>,
        others: &[Team],
        of: impl Fn(&Team) -> Vec<Credential<H>>,
    ) -> Vec<Credential<H>>
    where
        H: FromStr<Err: Display> + Display + Copy + PartialEq,
    {
        let mut found: Vec<Credential<H>> = Vec::new();
        for value in self.items(key, value) {
            let Some(new) = self.credential((key, what), value) else { continue };
            let has = |all: &[Credential<H>]| all.iter().any(|other| other.hash == new.hash);
            let id: String = new.hash.to_string().chars().take(8).collect();
            if let Some(other) = others.iter().find(|team| has(&of(team))) {
                let text =
                    format!("{key}: the {what} {id}… is one of the team {} already", other.name);
                self.problem(value.span(), text);
            } else if has(&found) {
                self.problem(value.span(), format!("{key}: the {what} {id}… is there twice"));
            }
            found.push(new);
        }
        found
    }

    /// A token or a certificate: its hash, or a table with the hash and when it ends.
    fn credential<H: FromStr<Err: Display>>(
        &mut self,
        (key, what): (&str, &str),
        value: &Value<'_>,
    ) -> Option<Credential<H>> {
        let (mut hash, mut expires) = (None, None);
        match value.get_ref() {
            DeValue::Table(table) => {
                for (name, value) in table {
                    match &**name.get_ref() {
                        "hash" => hash = self.parsed(key, value),
                        "expires" => expires = self.moment(key, value),
                        other => self.unknown(name.span(), other, CREDENTIAL_KEYS),
                    }
                }
                if !table.contains_key("hash") {
                    self.problem(value.span(), format!("{key}: a {what} needs its hash"));
                }
            }
            _ => hash = self.parsed(key, value),
        }
        Some(Credential { hash: hash?, expires })
    }

    fn method(&mut self, key: &str, value: &Value<'_>) -> Option<MethodName> {
        let DeValue::String(text) = value.get_ref() else {
            self.kind(key, value, "a string");
            return None;
        };
        let name = text.parse().ok();
        if name.is_none() {
            let meant = match nearest(text, MethodName::all()) {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => "`rpc discover` lists all".to_owned(),
            };
            let what = format!("{key}: there is no method or namespace {text}; {meant}");
            self.problem(value.span(), what);
        }
        name
    }

    /// The items of an array.
    fn items<'a>(&mut self, key: &str, value: &'a Value<'a>) -> &'a [Value<'a>] {
        match value.get_ref() {
            DeValue::Array(items) => items,
            _ => {
                self.kind(key, value, "an array");
                &[]
            }
        }
    }

    /// A string that is parsed.
    fn parsed<T: FromStr<Err: Display>>(&mut self, key: &str, value: &Value<'_>) -> Option<T> {
        let DeValue::String(text) = value.get_ref() else {
            self.kind(key, value, "a string");
            return None;
        };
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.problem(value.span(), format!("{key}: {text:?} cannot be used: {error}"));
                None
            }
        }
    }

    fn switch(&mut self, key: &str, value: &Value<'_>, on: &mut bool) {
        match value.get_ref() {
            DeValue::Boolean(given) => *on = *given,
            _ => self.kind(key, value, "true or false"),
        }
    }

    fn moment(&mut self, key: &str, value: &Value<'_>) -> Option<u64> {
        let wanted = "a date, or a date and time such as 2030-01-31T18:00:00Z";
        let DeValue::Datetime(moment) = value.get_ref() else {
            self.kind(key, value, wanted);
            return None;
        };
        let seconds = moment::unix_time(moment);
        if seconds.is_none() {
            self.problem(
                value.span(),
                format!("{key}: {moment} cannot be used: expected {wanted}"),
            );
        }
        seconds
    }
}

#[cfg(test)]
mod tests {
    use whisper_rpc::{TeamCertificate, TeamToken};

    use super::*;

    fn hash(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    fn errors(text: &str) -> Vec<String> {
        let error = parse(Path::new("teams.toml"), text).unwrap_err();
        error.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_says_everything_about_a_team() {
        let text = format!(
            "ipc = \"alarms\"\n[team.weather]\ntokens = [\"{}\", {{ hash = \"{}\", expires = 1970-01-02 }}]\n\
             certificates = [\"{}\"]\nmethods = [\"net\", \"shh_post\"]\ntopics = [\"0x6e65\"]\npost = false\nhistory = false\nadmin = true\n\
             [team.weather.quota]\ncalls = 10\nbytes = 1_000_000\nmailboxbytes = 7\n[team.alarms]\n",
            hash('1'),
            hash('2'),
            ["33"; 32].join(":"),
        );
        let teams = parse(Path::new("teams.toml"), &text).unwrap();
        assert_eq!(teams.ipc, Some("alarms".parse().unwrap()));
        let [alarms, weather] = teams.teams.try_into().unwrap();
        assert_eq!(alarms, Team::new("alarms".parse().unwrap()));
        let token = |digit, expires| TeamToken { hash: hash(digit).parse().unwrap(), expires };
        let expected = Team {
            name: "weather".parse().unwrap(),
            tokens: vec![token('1', None), token('2', Some(86_400))],
            certificates: vec![TeamCertificate { hash: hash('3').parse().unwrap(), expires: None }],
            scopes: Scopes {
                methods: ["net", "shh_post"].map(|name| name.parse().unwrap()).into(),
                topics: vec!["0x6e65".parse().unwrap()],
                post: false,
                history: false,
                admin: true,
            },
            quotas: Quotas::default()
                .with(Quota::Calls, NonZeroU32::new(10))
                .with(Quota::Bytes, NonZeroU32::new(1_000_000))
                .with(Quota::MailboxBytes, NonZeroU32::new(7)),
        };
        assert_eq!(weather, expected);
    }

    #[test]
    fn every_error_has_its_line_and_the_nearest_name() {
        let text = format!(
            "ipc = \"basic\"\nteams = 1\n[team.weather]\ntoken = 1\ntokens = [\"x\", {{ expires = 10:00:00 }}, 7]\n\
             methods = [\"shh_psot\"]\ntopics = \"0x00\"\npost = 1\nquota = {{ calls = 0, call = 1 }}\n[team.One]\n[team.alarms]\n\
             tokens = [\"{0}\", \"{0}\"]\ncertificates = [\"{0}\", \"x\"]\n[team.basics]\ntokens = [\"{0}\"]\n\
             certificates = [{{ hash = \"{0}\" }}]\n",
            hash('1')
        );
        assert_eq!(
            errors(&text),
            [
                "teams.toml:1: ipc: there is no team basic",
                "teams.toml:2: there is no setting teams here; did you mean team?",
                "teams.toml:4: there is no setting token here; did you mean tokens?",
                "teams.toml:5: team.weather.tokens: \"x\" cannot be used: not the SHA-256 hash of a token: 64 \
                 hexadecimal digits are wanted, as sha256sum prints",
                "teams.toml:5: team.weather.tokens: 10:00:00 cannot be used: expected a date, or a date and time such \
                 as 2030-01-31T18:00:00Z",
                "teams.toml:5: team.weather.tokens: a token needs its hash",
                "teams.toml:5: team.weather.tokens: expected a string, found a integer",
                "teams.toml:6: team.weather.methods: there is no method or namespace shh_psot; did you mean shh_post?",
                "teams.toml:7: team.weather.topics: expected an array, found a string",
                "teams.toml:8: team.weather.post: expected true or false, found a integer",
                "teams.toml:9: there is no setting call here; did you mean calls?",
                "teams.toml:9: team.weather.quota.calls: 0 cannot be used: expected 1 to 4294967295",
                "teams.toml:10: team.One: a name of a team has 1 to 32 lower-case letters, digits and hyphens, and \
                 begins with a letter",
                "teams.toml:12: team.alarms.tokens: the token 11111111… is there twice",
                "teams.toml:13: team.alarms.certificates: \"x\" cannot be used: not the SHA-256 fingerprint of a \
                 certificate: 64 hexadecimal digits are wanted, as openssl x509 -noout -fingerprint -sha256 prints",
                "teams.toml:15: team.basics.tokens: the token 11111111… is one of the team alarms already",
                "teams.toml:16: team.basics.certificates: the certificate 11111111… is one of the team alarms already",
            ]
        );
        assert_eq!(errors("a = 1\na = 2\n"), ["teams.toml:2: not TOML: duplicate key"]);
        assert_eq!(errors("team = 1\n").len(), 1);
    }
}

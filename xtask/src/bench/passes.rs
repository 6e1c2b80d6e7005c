//! Runs the benchmarks: one pass over all layers, then the next.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::cases::HEAVY;
use crate::{
    command::Failure,
    postgres::{self, PostgresServer},
    process::{self, cargo, program},
    workspace::{Workspace, root},
};

/// Short runs: the passes together are the sample.
const CRITERION: &[&str] = &[
    "--bench",
    "--noplot",
    "--warm-up-time=0.3",
    "--measurement-time=0.8",
    "--sample-size=10",
    "--nresamples=1000",
];

/// The layer that needs a PostgreSQL server.
const POSTGRES: &str = "archive-pg";

/// A line that a benchmark prints itself begins with this word. Name and value follow.
const PRINTED: &str = "measured ";

/// A line with this word names a case that cannot be measured on this machine. Name and reason follow.
const SKIPPED: &str = "skipped ";

/// The figures of one pass.
#[derive(Default)]
pub(super) struct Pass {
    /// Nanoseconds of one iteration, by criterion's name.
    times: BTreeMap<String, f64>,
    /// Printed values, by case.
    printed: BTreeMap<String, f64>,
    /// Why a case cannot be measured, by case.
    skipped: BTreeMap<String, String>,
}

impl Pass {
    #[cfg(test)]
    pub(super) fn new(times: &[(&str, f64)], printed: &[(&str, f64)]) -> Self {
        let owned = |pairs: &[(&str, f64)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
        };
        Self { times: owned(times), printed: owned(printed), ..Self::default() }
    }

    /// The median time of one iteration of the benchmark `name`.
    pub(super) fn nanoseconds(&self, name: &str) -> Result<f64, Failure> {
        let found = self.times.get(name).copied();
        found.ok_or_else(|| {
            Failure::new(format!("benchmark `{name}` has not run, but a case needs it"))
        })
    }

    /// Why the case `name` cannot be measured on this machine, if it cannot.
    pub(super) fn skipped(&self, name: &str) -> Option<&str> {
        self.skipped.get(name).map(String::as_str)
    }

    /// The value that a benchmark printed for the case `name`.
    pub(super) fn printed(&self, name: &str) -> Result<f64, Failure> {
        let found = self.printed.get(name).copied();
        found.ok_or_else(|| {
            Failure::new(format!("no benchmark has printed `{PRINTED}{name} VALUE`"))
        })
    }
}

/// Builds the benchmarks of the layers, then runs each once in every pass, heavy ones in the first pass only.
pub(super) fn run(
    workspace: &Workspace,
    layers: &[&str],
    passes: u32,
) -> Result<Vec<Pass>, Failure> {
    eprintln!("building the benchmarks of {}", layers.join(", "));
    let known = &workspace.package("benches")?.benches;
    if let Some(layer) = layers.iter().find(|layer| !known.iter().any(|bench| bench == *layer)) {
        return Err(Failure::new(format!("there is no benchmark `{layer}` in benches/")));
    }
    let binaries = layers.iter().map(|layer| build(layer)).collect::<Result<Vec<_>, _>>()?;
    let results = workspace.target_dir.join("xtask-bench");
    let database = if layers.contains(&POSTGRES) { PostgresServer::start()? } else { None };
    let mut samples = Vec::new();
    for number in 1..=passes {
        let home = results.join(format!("pass-{number}"));
        if home.exists() {
            fs::remove_dir_all(&home).map_err(|error| unreadable(&home, &error))?;
        }
        let mut pass = Pass::default();
        let due = |layer: &&str| number == 1 || !HEAVY.contains(layer);
        for (layer, binary) in layers.iter().zip(&binaries).filter(|(layer, _)| due(layer)) {
            eprintln!("pass {number} of {passes}: {layer}");
            let mut bench = program(&binary.to_string_lossy(), root(), CRITERION);
            if let Some(database) = &database {
                bench.env(postgres::VARIABLE, database.address());
            }
            let text = process::output(bench.env("CRITERION_HOME", &home))?;
            pass.printed.extend(printed_lines(&text));
            pass.skipped.extend(skipped_lines(&text));
        }
        collect(&home, &mut pass.times)?;
        samples.push(pass);
    }
    Ok(samples)
}

/// Builds the benchmark of one layer and returns the path of its executable.
fn build(layer: &str) -> Result<PathBuf, Failure> {
    let args = [
        "bench",
        "--quiet",
        "--package",
        "benches",
        "--bench",
        layer,
        "--no-run",
        "--message-format=json",
    ];
    let messages = process::output(&mut cargo(&args))?;
    executable(&messages, layer)
        .ok_or_else(|| Failure::new(format!("cargo built no benchmark `{layer}`")))
}

/// The executable of the target `name` among cargo's messages.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let built =
        |message: &Value| message["target"]["name"] == name && message["executable"].is_string();
    let mut messages = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
    let found = messages.rfind(built)?;
    found["executable"].as_str().map(PathBuf::from)
}

fn printed_lines(text: &str) -> impl Iterator<Item = (String, f64)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix(PRINTED)?.split_once(' ')?;
        Some((name.to_owned(), value.trim().parse().ok()?))
    })
}

fn skipped_lines(text: &str) -> impl Iterator<Item = (String, String)> {
    text.lines().filter_map(|line| {
        let (name, reason) = line.strip_prefix(SKIPPED)?.split_once(' ')?;
        Some((name.to_owned(), reason.trim().to_owned()))
    })
}

/// Reads all results of criterion below `dir`.
fn collect(dir: &Path, times: &mut BTreeMap<String, f64>) -> Result<(), Failure> {
    let estimates = dir.join("new").join("estimates.json");
    if estimates.is_file() {
        let id = id(&read(&dir.join("new").join("benchmark.json"))?)?;
        times.insert(id, median(&read(&estimates)?)?);
        return Ok(());
    }
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    for entry in entries {
        let path = entry.map_err(|error| unreadable(dir, &error))?.path();
        if path.is_dir() {
            collect(&path, times)?;
        }
    }
    Ok(())
}

/// The benchmark's name in criterion's `benchmark.json`.
fn id(text: &str) -> Result<String, Failure> {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let id = json["full_id"].as_str().map(str::to_owned);
    id.ok_or_else(|| Failure::new("criterion's benchmark.json has no `full_id`"))
}

/// The median in criterion's `estimates.json`, in nanoseconds.
fn median(text: &str) -> Result<f64, Failure> {
    let json: Value = serde_json::from_str(text).unwrap_or_default();
    let estimate = json["median"]["point_estimate"].as_f64();
    estimate.ok_or_else(|| Failure::new("criterion's estimates.json has no median"))
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be read or removed: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{Path, executable, id, median, printed_lines, skipped_lines};

    #[test]
    fn criterions_files_are_understood() {
        assert_eq!(id(r#"{"group_id":"rlp","full_id":"rlp/decode"}"#).unwrap(), "rlp/decode");
        let estimates = r#"{"mean":{"point_estimate":9.0},"median":{"point_estimate":7.5}}"#;
        assert!((median(estimates).unwrap() - 7.5).abs() < 1e-9);
        assert!(median("{}").is_err());
        assert!(id("nonsense").is_err());
    }

    #[test]
    fn the_executable_is_found_in_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"rlp"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"rlp"},"executable":"/t/rlp-1"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"rlpx"},"executable":"/t/rlpx-1"}"#,
            "\n",
        );
        assert_eq!(executable(messages, "rlp").as_deref(), Some(Path::new("/t/rlp-1")));
        assert_eq!(executable(messages, "mux"), None);
    }

    #[test]
    fn a_skipped_case_has_a_reason() {
        let text =
            "measured mux.a 1\nskipped mux.b no network namespace: not permitted\nskipped mux.c\n";
        assert_eq!(
            skipped_lines(text).collect::<Vec<_>>(),
            [("mux.b".to_owned(), "no network namespace: not permitted".to_owned())]
        );
    }

    #[test]
    fn only_whole_lines_of_figures_count() {
        let text =
            "Benchmarking x\nmeasured whisper.hop_p50_ms 0.25\nmeasured broken\nmeasured y z\n";
        assert_eq!(
            printed_lines(text).collect::<Vec<_>>(),
            [("whisper.hop_p50_ms".to_owned(), 0.25)]
        );
    }
}

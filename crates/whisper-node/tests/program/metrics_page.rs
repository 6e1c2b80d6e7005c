//! The metrics of two nodes that talk: they follow the conventions of Prometheus, and the book lists each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::metrics::Node;

/// One metric as the program describes it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Family {
    help: String,
    kind: String,
    labels: BTreeSet<String>,
    /// The samples: name and labels.
    samples: Vec<String>,
}

/// The metrics of a node that has a peer, a filter, an archive, and has answered calls.
fn families() -> BTreeMap<String, Family> {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().to_str().unwrap();
    let node =
        Node::start(&["--metrics", "--metrics.port", "0", "--shh.pow", "0", "--archive", dir]);
    let peer = Node::start(&["--shh.pow", "0", "--staticnodes", &node.enode, "--nodiscover"]);
    let key = node.call("shh_generateSymKeyFromPassword", r#"["page"]"#);
    let filter = format!(r#"[{{"symKeyID":"{key}","topics":["0x5a4ea131"]}}]"#);
    node.call("shh_newMessageFilter", &filter);
    let key = peer.call("shh_generateSymKeyFromPassword", r#"["page"]"#);
    let post = format!(
        r#"[{{"symKeyID":"{key}","topic":"0x5a4ea131","ttl":50,"powTime":1,"powTarget":0,"payload":"0x00"}}]"#
    );
    peer.call("shh_post", &post);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let text = node.get("/metrics").1;
        if text.contains("\nwhisper_delivery_delivered_total 1\n") {
            let mut families = parse(&text);
            families.extend(of_teams());
            return families;
        }
        assert!(Instant::now() < deadline, "no message arrived: {text}");
    }
}

/// The metrics that only a node with teams has.
fn of_teams() -> impl Iterator<Item = (String, Family)> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("teams.toml");
    fs::write(&file, "[team.weather]\n").unwrap();
    let file = file.to_str().unwrap();
    let node = Node::start(&["--metrics", "--metrics.port", "0", "--nodiscover", "--teams", file]);
    let all = parse(&node.get("/metrics").1);
    all.into_iter().filter(|(name, _)| name.starts_with("rpc_team_"))
}

fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            let family = Family { help: help.to_owned(), ..Family::default() };
            assert!(families.insert(name.to_owned(), family).is_none(), "{name} is there twice");
            name.clone_into(&mut current);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, current, "the type follows the help");
            kind.clone_into(&mut families.get_mut(name).unwrap().kind);
        } else {
            let sample = line.rsplit_once(' ').unwrap().0;
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            assert!(name.starts_with(&current), "{name} is among the samples of {current}");
            let family = families.get_mut(&current).unwrap();
            let labels =
                labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
            let labels = labels.map(|label| label.split_once('=').unwrap().0.to_owned());
            family.labels.extend(labels.filter(|label| label != "le"));
            family.samples.push(sample.to_owned());
        }
    }
    families
}

/// The rules of `promtool check metrics`, as far as they apply.
fn faults(name: &str, family: &Family) -> Vec<String> {
    let words: Vec<&str> = name.split('_').collect();
    let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
    let mut faults = Vec::new();
    let mut check = |is_fault: bool, fault: &str| {
        if is_fault {
            faults.push(format!("{name}: {fault}"));
        }
    };
    let is_lower = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    check(family.help.is_empty(), "no help");
    check(family.help.ends_with('.'), "the help ends with a period");
    check(!name.chars().all(|letter| is_lower(letter) || letter == '_'), "not in snake case");
    check(name.ends_with("_total") != (family.kind == "counter"), "`_total` is for counters");
    check(has(&["counter", "gauge", "histogram", "summary"]), "the name contains the type");
    let other_units =
        ["ms", "milliseconds", "microseconds", "minutes", "hours", "days", "kb", "mb"];
    check(has(&other_units) || has(&["kilobytes", "megabytes", "percent"]), "not a base unit");
    let is_reserved = ["_bucket", "_sum", "_count"].iter().any(|suffix| name.ends_with(suffix));
    check(is_reserved, "the suffix is for histograms");
    check(family.labels.contains("event"), "one counter for several meanings");
    let unique: BTreeSet<_> = family.samples.iter().collect();
    check(unique.len() != family.samples.len(), "a sample is there twice");
    check(family.kind == "histogram" && !name.ends_with("_seconds"), "durations are in seconds");
    faults
}

#[test]
fn names_and_helps_follow_the_conventions_of_prometheus() {
    let families = families();
    let faults: Vec<_> = families.iter().flat_map(|(name, family)| faults(name, family)).collect();
    assert_eq!(faults, Vec::<String>::new());
    for name in [
        "whisper_hop_duration_seconds",
        "whisper_delivery_duration_seconds",
        "whisper_open_duration_seconds",
        "rpc_call_duration_seconds",
    ] {
        let samples = &families[name].samples;
        let sample = |suffix: &str| samples.iter().filter(|it| it.contains(suffix)).count();
        let series = sample("_count");
        assert!(series > 0 && sample("_sum") == series, "{name}: {samples:?}");
        assert_eq!(sample("le=\"+Inf\""), series, "{name}: {samples:?}");
    }
    let bad = Family { kind: "counter".to_owned(), ..Family::default() };
    assert_eq!(super::metrics_page::faults("wait_ms", &bad).len(), 3, "the check finds faults");
}

/// The rows of the table in the book.
fn rows(families: &BTreeMap<String, Family>) -> Vec<String> {
    let row = |(name, Family { help, kind, labels, .. }): (&String, &Family)| {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
    };
    families.iter().map(row).collect()
}

#[test]
fn the_book_lists_every_metric() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/book/src/metrics.md");
    // The archive of this crate has no book.
    let Ok(page) = fs::read_to_string(page) else { return };
    let rows = rows(&families());
    let listed: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
    let found: BTreeSet<&str> = listed.iter().copied().collect();
    let missing: Vec<_> = expected.difference(&found).collect();
    let surplus: Vec<_> = found.difference(&expected).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "docs/book/src/metrics.md\nis missing {missing:#?}\nhas too much {surplus:#?}"
    );
}

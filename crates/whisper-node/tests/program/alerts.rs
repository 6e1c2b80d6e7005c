//! The alert rules, the dashboard and the runbook: they name metrics that exist, and each alert has its section.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// A file of the repository; `None` in the archive of this crate.
fn file(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).ok()
}

/// The metrics in the table of the book, which another test compares with the program, and what Prometheus itself adds.
fn known(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let mut known: BTreeSet<String> = ["up".to_owned()].into();
    for (name, rest) in rows {
        let is_histogram = rest.contains("| histogram |");
        let suffixes: &[&str] = if is_histogram { &["_bucket", "_sum", "_count"] } else { &[""] };
        known.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
    }
    known
}

/// The metrics that an expression names: words outside of labels and texts, before no parenthesis, with an underscore.
fn named(expression: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let (mut depth, mut word) = (0, String::new());
    for letter in expression.chars().chain([' ']) {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            word.push(letter);
            continue;
        }
        let is_name = word.contains('_') || word == "up";
        let is_function = letter == '(';
        if depth == 0 && is_name && !is_function && !word.starts_with("__") {
            names.insert(word.clone());
        }
        word.clear();
        match letter {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
    }
    names
}

/// One rule of the file: its alert, its expression and the anchor of its section.
struct Rule {
    alert: String,
    expression: String,
    anchor: String,
}

/// The rules. The file is written in a simple form of YAML: one key on each line, and `>-` before indented lines.
fn rules(text: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut is_folded = false;
    for line in text.lines() {
        let line = line.trim();
        if let Some(alert) = line.strip_prefix("- alert: ") {
            let (alert, none) = (alert.to_owned(), String::new());
            rules.push(Rule { alert, expression: none.clone(), anchor: none });
            continue;
        }
        let Some(rule) = rules.last_mut() else { continue };
        if let Some(expression) = line.strip_prefix("expr: ") {
            is_folded = expression == ">-";
            rule.expression = if is_folded { String::new() } else { expression.to_owned() };
        } else if ["for: ", "labels:"].iter().any(|key| line.starts_with(key)) {
            is_folded = false;
        } else if is_folded {
            rule.expression += line;
            rule.expression.push(' ');
        } else if let Some(runbook) = line.strip_prefix("runbook: docs/book/src/runbook.md#") {
            runbook.clone_into(&mut rule.anchor);
        }
    }
    rules
}

#[test]
fn each_alert_names_metrics_that_exist_and_has_a_section_in_the_runbook() {
    let files =
        ["ops/prometheus/alerts.yml", "docs/book/src/runbook.md", "docs/book/src/metrics.md"];
    let [Some(alerts), Some(runbook), Some(page)] = files.map(file) else { return };
    let (rules, known) = (rules(&alerts), known(&page));
    assert!(
        rules.len() > 20 && known.len() > 100,
        "{} rules, {} metrics",
        rules.len(),
        known.len()
    );
    let sections: Vec<(&str, &str)> =
        runbook.split("\n## ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    for Rule { alert, expression, anchor } in &rules {
        let names = named(expression);
        assert!(!names.is_empty(), "{alert}: {expression}");
        let unknown: Vec<_> = names.difference(&known).collect();
        assert!(unknown.is_empty(), "{alert}: {unknown:?}");
        assert_eq!(*anchor, alert.to_lowercase(), "{alert}");
        let section = sections.iter().find(|(title, _)| title == alert);
        let (_, text) = section.unwrap_or_else(|| panic!("{alert} has no section"));
        for part in ["**Symptom.** ", "**Cause.** ", "**What to do.** "] {
            assert_eq!(text.matches(part).count(), 1, "{alert}: {part}");
        }
    }
    let alerts: BTreeSet<&str> = rules.iter().map(|rule| rule.alert.as_str()).collect();
    assert_eq!(alerts.len(), rules.len(), "an alert is there twice");
    let surplus: Vec<_> = sections.iter().filter(|(title, _)| !alerts.contains(title)).collect();
    assert!(surplus.is_empty(), "sections without an alert: {surplus:?}");
}

#[test]
fn the_dashboard_shows_metrics_that_exist() {
    let files = ["ops/grafana/whisper-node.json", "docs/book/src/metrics.md"];
    let [Some(dashboard), Some(page)] = files.map(file) else { return };
    let known = known(&page);
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut shown = BTreeSet::new();
    for panel in panels {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let names = named(target["expr"].as_str().unwrap());
            let unknown: Vec<_> = names.difference(&known).collect();
            assert!(!names.is_empty() && unknown.is_empty(), "{}: {unknown:?}", panel["title"]);
            shown.extend(names);
        }
    }
    assert!(shown.len() > 40, "{shown:?}");
    let variables = dashboard["templating"]["list"].to_string();
    assert!(variables.contains("label_values(whisper_build_info, instance)"), "{variables}");
}

#[test]
fn metrics_are_found_in_expressions() {
    let expression = r#"histogram_quantile(0.99, sum by (le) (rate(a_b_bucket{c_d="e_f"}[$__rate_interval]))) > g_h"#;
    let names: Vec<_> = named(expression).into_iter().collect();
    assert_eq!(names, ["a_b_bucket", "g_h"]);
}

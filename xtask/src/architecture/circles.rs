//! Circles of imports between the files of one crate.
//!
//! Files that use each other, directly or through others, can only be understood together. `modules` says what counts as
//! a use.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    modules::{Modules, Use},
    tree::Tree,
    violation::Violation,
};

/// Maximum number of files in a circle.
const MAX_FILES: usize = 6;

/// Every circle with too many files.
pub(super) fn violations(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for modules in Modules::crates(tree) {
        let uses = modules.uses();
        let large = circles(&uses).into_iter().filter(|circle| circle.len() > MAX_FILES);
        violations.extend(large.map(|circle| {
            Violation::new(
                *circle.first().unwrap_or(&""),
                format!("a circle of {} files, {MAX_FILES} are allowed", circle.len()),
                format!(
                    "move plain values below what uses them, or pass a value instead of its owner:\n{}",
                    describe(&circle, &uses)
                ),
            )
        }));
    }
    violations
}

/// The sets of files that reach each other by their uses.
fn circles<'a>(uses: &BTreeSet<Use<'a>>) -> Vec<BTreeSet<&'a str>> {
    let mut next = BTreeMap::<&str, BTreeSet<&str>>::new();
    for found in uses {
        next.entry(found.from).or_default().insert(found.to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|file| (*file, reached_from(file, &next))).collect();
    let mut circles = BTreeSet::new();
    for (file, others) in &reached {
        let back = |other: &&&str| reached.get(**other).is_some_and(|back| back.contains(file));
        let circle: BTreeSet<&str> = others.iter().filter(back).copied().collect();
        if !circle.is_empty() {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

/// The files that `file` uses, directly or through others.
fn reached_from<'a>(
    file: &'a str,
    next: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        open.extend(next.get(file).into_iter().flatten().filter(|other| reached.insert(**other)));
    }
    reached
}

/// One line for each file of a circle: the files of the circle that it uses, with the items.
fn describe(circle: &BTreeSet<&str>, uses: &BTreeSet<Use<'_>>) -> String {
    let mut lines = Vec::new();
    for file in circle {
        let mut used = BTreeMap::<&str, Vec<&str>>::new();
        for found in uses.iter().filter(|found| found.from == *file && circle.contains(found.to)) {
            used.entry(found.to).or_default().push(&found.item);
        }
        let used: Vec<String> = used
            .iter()
            .map(|(to, items)| format!("{} ({})", short(to), items.join(", ")))
            .collect();
        lines.push(format!("      {} uses {}", short(file), used.join("; ")));
    }
    lines.join("\n")
}

/// The path below `src/`.
fn short(file: &str) -> &str {
    file.rsplit_once("src/").map_or(file, |(_, short)| short)
}

#[cfg(test)]
mod tests {
    use super::{MAX_FILES, Tree, violations};
    use crate::architecture::violation::texts;

    /// A crate of `count` files, each of which uses the next, and the last the first.
    fn ring(count: usize) -> Tree {
        let lib: String = (0..count).map(|index| format!("mod m{index};\n")).collect();
        let mut files = vec![("crates/a/src/lib.rs".to_owned(), lib)];
        files.extend((0..count).map(|index| {
            let next = (index + 1) % count;
            let text = format!("use super::m{next}::S{next}; pub struct S{index}(S{next});");
            (format!("crates/a/src/m{index}.rs"), text)
        }));
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Tree::of(&files)
    }

    #[test]
    fn a_circle_of_seven_files_is_too_large() {
        let found = texts(&violations(&ring(MAX_FILES + 1)));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("a circle of 7 files, 6 are allowed"), "{}", found[0]);
        assert!(found[0].contains("m6.rs uses m0.rs (S0)"), "{}", found[0]);
        assert!(violations(&ring(MAX_FILES)).is_empty());
    }

    #[test]
    fn a_facade_closes_no_circle() {
        // Each module uses the one before it by the name that lib.rs re-exports.
        let lib: String =
            (0..10).map(|index| format!("mod m{index}; pub use m{index}::S{index};\n")).collect();
        let mut files = vec![
            ("src/lib.rs".to_owned(), lib),
            ("src/m0.rs".to_owned(), "pub struct S0;".to_owned()),
        ];
        files.extend((1..10).map(|index| {
            let before = index - 1;
            (
                format!("src/m{index}.rs"),
                format!("use crate::S{before}; pub struct S{index}(S{before});"),
            )
        }));
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert!(violations(&Tree::of(&files)).is_empty());
    }
}

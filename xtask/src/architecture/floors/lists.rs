//! The two lists of crates outside the table of floors: each names all crates, in the order of their floors.

use super::{FLOORS, find};
use crate::architecture::{tree::Tree, violation::Violation};

/// What a list says about one crate: the line, the name, and the floor if the list has it.
struct Entry<'a> {
    line: usize,
    name: &'a str,
    floor: Option<&'a str>,
}

/// Every crate that a list leaves out, or that it has at a wrong place.
pub(in crate::architecture) fn violations(tree: &Tree) -> Vec<Violation> {
    let text = |name| tree.get(name).map_or("", |file| file.text.as_str());
    let mut violations = faults("Cargo.toml", dependencies(text("Cargo.toml")));
    let mut rows = rows(text("README.md"));
    rows.reverse();
    violations.extend(faults("README.md", rows));
    violations
}

/// The crates in `[workspace.dependencies]`, lowest floor first.
fn dependencies(manifest: &str) -> Vec<Entry<'_>> {
    let lines = manifest.lines().enumerate();
    lines
        .filter(|(_, line)| line.contains("path = \"crates/"))
        .filter_map(|(index, line)| {
            let (name, _) = line.split_once(" = ")?;
            Some(Entry { line: index + 1, name, floor: None })
        })
        .collect()
}

/// The rows `` | FLOOR | `CRATE` | … `` of the README, highest floor first.
fn rows(readme: &str) -> Vec<Entry<'_>> {
    let lines = readme.lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let floor = cells.next().filter(|cell| cell.parse::<u8>().is_ok())?;
            let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
            Some(Entry { line: index + 1, name, floor: Some(floor) })
        })
        .collect()
}

/// The faults of a list with the lowest floor first.
fn faults(file: &str, list: Vec<Entry<'_>>) -> Vec<Violation> {
    let left_out =
        FLOORS.iter().filter(|standing| !list.iter().any(|entry| entry.name == standing.name));
    let mut faults: Vec<Violation> = left_out
        .map(|standing| {
            Violation::new(file, format!("does not list {}", standing.name), "add it to the list")
        })
        .collect();
    let mut lowest = 0;
    for Entry { line, name, floor } in list {
        let place = format!("{file}:{line}");
        let Some(standing) = find(name) else {
            faults.push(Violation::new(
                place,
                format!("lists {name}, which has no floor"),
                "remove it",
            ));
            continue;
        };
        let own = standing.floor.to_string();
        if floor.is_some_and(|floor| floor != own) {
            faults.push(Violation::new(&place, format!("{name} is on floor {own}"), "write that"));
        }
        if standing.floor < lowest {
            let fault = format!("{name} is not in the order of the floors");
            faults.push(Violation::new(&place, fault, "move it to its floor"));
        }
        lowest = lowest.max(standing.floor);
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{FLOORS, Tree, violations};
    use crate::architecture::violation::texts;

    /// The faults of a manifest and a README in which one text is replaced by another.
    fn faults(from: &str, to: &str) -> Vec<String> {
        let line = |name| format!("{name} = {{ path = \"crates/{name}\" }}\n");
        let row = |(floor, name)| format!("| {floor} | `{name}` | text |\n");
        let manifest: String = FLOORS.iter().map(|standing| line(standing.name)).collect();
        let crates = FLOORS.iter().rev().map(|standing| (standing.floor, standing.name));
        let readme: String = crates.map(row).collect();
        let (manifest, readme) = (manifest.replace(from, to), readme.replace(from, to));
        texts(&violations(&Tree::of(&[("Cargo.toml", &manifest), ("README.md", &readme)])))
    }

    #[test]
    fn lists_in_the_order_of_the_floors_are_accepted() {
        assert_eq!(faults("", ""), Vec::<String>::new());
    }

    #[test]
    fn a_crate_must_be_in_both_lists() {
        let found = faults("`p2p-mux`", "`p2p-max`");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("README.md: does not list p2p-mux"), "{}", found[0]);
        assert!(found[1].contains("lists p2p-max, which has no floor"), "{}", found[1]);
        let found = faults("p2p-mux = ", "p2p-max = ");
        assert!(found[0].starts_with("Cargo.toml: does not list p2p-mux"), "{}", found[0]);
    }

    #[test]
    fn a_crate_must_be_at_its_floor() {
        let found = faults("| 4 | `p2p-server`", "| 3 | `p2p-server`");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("p2p-server is on floor 4"), "{}", found[0]);

        let line = "p2p-server = { path = \"crates/p2p-server\" }\n";
        let last = "whisper-node = { path = \"crates/whisper-node\" }\n";
        assert_eq!(faults(line, "").len(), 1);
        let found = faults(last, &format!("{last}{line}"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("p2p-server is not in the order of the floors"), "{}", found[0]);
    }
}

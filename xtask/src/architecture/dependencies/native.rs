//! Code in C: the packages that compile some are the ones that SECURITY.md lists.
//!
//! Code in C is outside the guarantees of Rust, and needs a C compiler for the target. A new one is a decision, not a
//! side effect of an update.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    architecture::{tree::Tree, violation::Violation},
    command::Failure,
    process::{self, cargo},
    workspace::{list_of, text_of},
};

/// The document with the list, and the heading of its section.
const DOCUMENT: &str = "SECURITY.md";
const HEADING: &str = "## Code in C";

/// Packages that compile C or assembly, or run another build system that does.
const COMPILERS: &[&str] = &["cc", "cmake"];

/// Every package with code in C that the document does not list, and every one that it lists and that is not used.
///
/// # Errors
///
/// `cargo metadata` fails.
pub(in crate::architecture) fn violations(tree: &Tree) -> Result<Vec<Violation>, Failure> {
    let listed = tree.get(DOCUMENT).map(|document| listed(&document.text)).unwrap_or_default();
    Ok(faults(&listed, &compiling(&metadata()?)))
}

/// All packages that this machine compiles for the workspace with all features.
fn metadata() -> Result<Value, Failure> {
    let version = process::output(&mut cargo(&["--version", "--verbose"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let text = process::output(&mut cargo(&[
        "metadata",
        "--format-version=1",
        "--locked",
        "--all-features",
        "--filter-platform",
        host,
    ]))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("cargo metadata printed no JSON: {error}")))
}

/// The packages in the first column of the document's table.
fn listed(document: &str) -> BTreeSet<String> {
    let section = document.lines().skip_while(|line| *line != HEADING).skip(1);
    section
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect()
}

/// The packages with code in C that a published crate uses, and not only in its tests.
fn compiling(metadata: &Value) -> BTreeSet<String> {
    let packages: BTreeMap<String, &Value> =
        list_of(metadata, "packages").map(|package| (text_of(package, "id"), package)).collect();
    let edges: BTreeMap<String, Vec<String>> = list_of(&metadata["resolve"], "nodes")
        .map(|node| (text_of(node, "id"), dependencies(node)))
        .collect();
    let members = list_of(metadata, "workspace_members").filter_map(Value::as_str);
    let mut found: BTreeSet<String> =
        members.filter(|id| is_published(packages[*id])).map(str::to_owned).collect();
    let mut waiting: Vec<String> = found.iter().cloned().collect();
    while let Some(id) = waiting.pop() {
        for next in edges.get(&id).into_iter().flatten() {
            if found.insert(next.clone()) {
                waiting.push(next.clone());
            }
        }
    }
    let name = |id: &String| packages.get(id).map(|package| text_of(package, "name"));
    let compiles_c = |id: &&String| {
        let uses: BTreeSet<_> = edges.get(*id).into_iter().flatten().filter_map(name).collect();
        packages.get(*id).is_some_and(|package| compiles(package, &uses))
    };
    found.iter().filter(compiles_c).filter_map(name).collect()
}

/// The packages that `node` depends on, but for those of its tests.
fn dependencies(node: &Value) -> Vec<String> {
    let used = |edge: &&Value| list_of(edge, "dep_kinds").any(|kind| kind["kind"] != "dev");
    list_of(node, "deps").filter(used).map(|edge| text_of(edge, "pkg")).collect()
}

fn is_published(package: &Value) -> bool {
    package["publish"].as_array().is_none_or(|registries| !registries.is_empty())
}

/// Whether the package's build script compiles C. `uses`: the names of what it depends on with the features that it has.
fn compiles(package: &Value, uses: &BTreeSet<String>) -> bool {
    list_of(package, "dependencies").any(|dependency| {
        let is_used = |name: &str| dependency["optional"] != true || uses.contains(name);
        dependency["kind"] == "build"
            && COMPILERS.iter().any(|name| dependency["name"] == *name && is_used(name))
    })
}

fn faults(listed: &BTreeSet<String>, compiling: &BTreeSet<String>) -> Vec<Violation> {
    let missing = compiling.difference(listed).map(|name| {
        let remedy = format!("leave it out, or add it to the table under \"{HEADING}\"");
        Violation::new(DOCUMENT, format!("does not list {name}, which compiles C"), remedy)
    });
    let stale = listed.difference(compiling).map(|name| {
        Violation::new(DOCUMENT, format!("lists {name}, which is not used"), "remove its line")
    });
    missing.chain(stale).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::{compiling, faults, listed};
    use crate::architecture::violation::texts;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_table_has_the_names() {
        let document = "# Security\n| `no` | |\n## Code in C\n\n| package | what |\n|---|---|\n\
                        | `ring` | TLS |\n| `secp256k1-sys` | keys |\n## Next\n| `no` | |\n";
        assert_eq!(listed(document), names(&["ring", "secp256k1-sys"]));
    }

    #[test]
    fn what_only_tests_and_tools_use_does_not_count() {
        let package = |name: &str, published: bool, compiles: bool| {
            json!({
                "id": name, "name": name,
                "publish": if published { json!(null) } else { json!([]) },
                "dependencies": if compiles { json!([{ "name": "cc", "kind": "build" }]) } else { json!([]) },
            })
        };
        let edge = |to: &str, kind| json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [
                package("crate", true, false), package("benches", false, false),
                package("between", true, false), package("used", true, true),
                package("built", true, true), package("tested", true, true),
                package("measured", true, true),
            ],
            "workspace_members": ["crate", "benches"],
            "resolve": { "nodes": [
                { "id": "crate", "deps": [
                    edge("between", json!(null)), edge("built", json!("build")), edge("tested", json!("dev")),
                ] },
                { "id": "between", "deps": [edge("used", json!(null))] },
                { "id": "benches", "deps": [edge("measured", json!(null))] },
            ] },
        });
        assert_eq!(compiling(&metadata), names(&["built", "used"]));
    }

    #[test]
    fn a_compiler_that_no_feature_selects_does_not_count() {
        let cc = json!([{ "name": "cc", "kind": "build", "optional": true }]);
        let package =
            |name: &str| json!({ "id": name, "name": name, "publish": null, "dependencies": cc });
        let build = json!({ "pkg": "cc", "dep_kinds": [{ "kind": "build" }] });
        let metadata = json!({
            "packages": [package("with"), package("without"), { "id": "cc", "name": "cc", "publish": null }],
            "workspace_members": ["with", "without"],
            "resolve": { "nodes": [
                { "id": "with", "deps": [build] }, { "id": "without", "deps": [] },
            ] },
        });
        assert_eq!(compiling(&metadata), names(&["with"]));
    }

    #[test]
    fn the_list_and_the_packages_must_agree() {
        let found = texts(&faults(&names(&["old", "ring"]), &names(&["new", "ring"])));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("does not list new"), "{}", found[0]);
        assert!(found[1].contains("lists old"), "{}", found[1]);
    }
}

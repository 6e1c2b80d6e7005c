//! The list of all packages in the program, in the format CycloneDX 1.5.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::write as write_file;
use crate::{
    command::Failure,
    process::{self, cargo},
};

/// The program whose parts are listed.
const PROGRAM: &str = "whisper-node";

/// Writes the list.
pub(super) fn write(path: &Path) -> Result<PathBuf, Failure> {
    let host = host()?;
    let metadata = ["metadata", "--format-version", "1", "--locked", "--filter-platform", &host];
    let metadata = process::output(&mut cargo(&metadata))?;
    let metadata: Value = serde_json::from_str(&metadata)
        .map_err(|error| Failure::new(format!("cargo metadata printed no JSON: {error}")))?;
    let lock = std::fs::read_to_string(crate::workspace::root().join("Cargo.lock"))
        .map_err(|error| Failure::new(format!("Cargo.lock: {error}")))?;
    let list = list(&metadata, &checksums(&lock))?;
    write_file(path, &format!("{list:#}\n"))?;
    Ok(path.to_owned())
}

/// The target of this machine.
fn host() -> Result<String, Failure> {
    let version = process::output(&mut process::program(
        "rustc",
        crate::workspace::root(),
        &["--version", "--verbose"],
    ))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("rustc names no host"))
}

/// The checksums of packages by name and version.
fn checksums(lock: &str) -> BTreeMap<(&str, &str), &str> {
    let mut sums = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let start = format!("{name} = \"");
            package.lines().find_map(|line| line.strip_prefix(start.as_str())?.strip_suffix('"'))
        };
        if let (Some(name), Some(version), Some(sum)) =
            (field("name"), field("version"), field("checksum"))
        {
            sums.insert((name, version), sum);
        }
    }
    sums
}

/// The list, from what `cargo metadata` says.
fn list(metadata: &Value, sums: &BTreeMap<(&str, &str), &str>) -> Result<Value, Failure> {
    let array = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let packages: BTreeMap<String, Value> = array(&metadata["packages"])
        .into_iter()
        .map(|package| (text(&package, "id").to_owned(), package))
        .collect();
    let nodes: BTreeMap<String, Value> = array(&metadata["resolve"]["nodes"])
        .into_iter()
        .map(|node| (text(&node, "id").to_owned(), node))
        .collect();
    let program = packages.values().find(|package| package["name"] == PROGRAM);
    let program = program.ok_or_else(|| Failure::new("the workspace has no whisper-node"))?;
    let reached = reached(text(program, "id"), &nodes);
    let components: Vec<Value> = reached
        .iter()
        .filter(|id| *id != text(program, "id"))
        .filter_map(|id| Some(component("library", packages.get(id)?, sums)))
        .collect();
    let dependencies: Vec<Value> = reached
        .iter()
        .filter_map(|id| {
            let on = inside(nodes.get(id)?);
            let on = on.iter().filter_map(|id| Some(purl(packages.get(id)?)));
            Some(json!({ "ref": purl(packages.get(id)?), "dependsOn": on.collect::<Vec<_>>() }))
        })
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": component("application", program, sums) },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// The packages that a program is made of: itself and everything below it, without what only its tests need.
fn reached(program: &str, nodes: &BTreeMap<String, Value>) -> BTreeSet<String> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![program.to_owned()]);
    while let Some(id) = next.pop() {
        if let Some(node) = nodes.get(&id)
            && reached.insert(id)
        {
            next.extend(inside(node));
        }
    }
    reached
}

/// The packages that a package compiles with, or is built by.
fn inside(node: &Value) -> Vec<String> {
    let is_inside = |kind: &Value| kind["kind"] != "dev";
    let dependencies = node["deps"].as_array().into_iter().flatten();
    dependencies
        .filter(|dependency| {
            dependency["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(is_inside))
        })
        .map(|dependency| text(dependency, "pkg").to_owned())
        .collect()
}

fn component(kind: &str, package: &Value, sums: &BTreeMap<(&str, &str), &str>) -> Value {
    let (name, version) = (text(package, "name"), text(package, "version"));
    let mut component = json!({
        "type": kind,
        "bom-ref": purl(package),
        "name": name,
        "version": version,
        "purl": purl(package),
    });
    if let Some(license) = package["license"].as_str() {
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    if let Some(sum) = sums.get(&(name, version)) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}

/// The name of a package in lists of this kind.
fn purl(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", text(package, "name"), text(package, "version"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_what_the_program_is_made_of_and_no_more() {
        let package = |id: &str, name: &str| json!({ "id": id, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0" });
        let dep = |id: &str, kind: Value| json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [package("p", PROGRAM), package("a", "inner"), package("t", "for-tests")],
            "resolve": { "nodes": [
                { "id": "p", "deps": [dep("a", Value::Null), dep("t", json!("dev"))] },
                { "id": "a", "deps": [] },
                { "id": "t", "deps": [] },
            ] },
        });
        let lock = "[[package]]\nname = \"inner\"\nversion = \"1.0.0\"\nchecksum = \"ab\"\n";
        let list = list(&metadata, &checksums(lock)).unwrap();
        assert_eq!(list["metadata"]["component"]["name"], PROGRAM);
        assert_eq!(list["components"].as_array().unwrap().len(), 1);
        let inner = &list["components"][0];
        assert_eq!(inner["purl"], "pkg:cargo/inner@1.0.0");
        assert_eq!(inner["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(inner["hashes"][0]["content"], "ab");
        let of_program = list["dependencies"].as_array().unwrap();
        let of_program = of_program.iter().find(|it| it["ref"] == "pkg:cargo/whisper-node@1.0.0");
        assert_eq!(of_program.unwrap()["dependsOn"], json!(["pkg:cargo/inner@1.0.0"]));
    }
}

//! The files themselves: how long they are, where unsafe code stands, and that every package has the shared lints.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    command::Failure,
    workspace::{Workspace, root},
};

/// A file is one noun; none needs more lines than this, tests included.
const MAX_LINES: usize = 500;

/// The only crate where unsafe code may stand.
const UNSAFE_ALLOWED: &str = "crates/keccak-lanes/";

/// Everything in the sources and manifests that contradicts the rules, as texts.
pub(super) fn violations(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for package in &workspace.packages {
        let manifest = read(&package.manifest)?;
        if package.name != "keccak-lanes" && !manifest.contains("[lints]\nworkspace = true") {
            found.push(format!("{} does not inherit the lints of the workspace", package.name));
        }
    }
    for top in ["crates", "xtask", "benches", "fuzz"] {
        for file in sources(&root().join(top))? {
            let name =
                file.strip_prefix(root()).unwrap_or(&file).to_string_lossy().replace('\\', "/");
            found.extend(faults(&name, &read(&file)?));
        }
    }
    Ok(found)
}

/// What is wrong with one source file.
fn faults(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        faults.push(format!("{name} has {lines} lines, {MAX_LINES} are allowed"));
    }
    if !name.starts_with(UNSAFE_ALLOWED) {
        let at = text.lines().position(has_unsafe);
        faults.extend(
            at.map(|at| format!("{name}:{} has unsafe code, which only keccak-lanes may", at + 1)),
        );
    }
    faults
}

/// Whether the keyword stands on this line, outside comments and string literals.
fn has_unsafe(line: &str) -> bool {
    let code = line.replace("\\\"", "");
    let code = code.split("//").next().unwrap_or_default();
    let outside_strings = code.split('"').step_by(2);
    outside_strings
        .flat_map(|part| part.split(|letter: char| !letter.is_alphanumeric() && letter != '_'))
        .any(|word| word == "unsafe")
}

/// All Rust files below `dir`, sorted, but not what was built or installed there.
fn sources(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error| Failure::new(format!("{} cannot be read: {error}", dir.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            let skipped =
                path.file_name().is_some_and(|name| name == "target" || name == "node_modules");
            if !skipped {
                found.extend(sources(&path)?);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::{MAX_LINES, faults, has_unsafe, root, sources};

    #[test]
    fn long_files_are_named() {
        assert!(faults("a.rs", &"x\n".repeat(MAX_LINES)).is_empty());
        assert_eq!(
            faults("a.rs", &"x\n".repeat(MAX_LINES + 1)),
            ["a.rs has 501 lines, 500 are allowed"]
        );
    }

    #[test]
    fn unsafe_code_is_found_where_it_is_code() {
        assert!(has_unsafe("    unsafe { go() }"));
        assert!(has_unsafe("pub unsafe fn go()"));
        assert!(!has_unsafe("// an unsafe remark"));
        assert!(!has_unsafe("let word = \"unsafe\";"));
        assert!(!has_unsafe("#![forbid(unsafe_code)]"));
        let text = "fn a() {}\nunsafe fn b() {}\n";
        assert_eq!(faults("crates/x/src/a.rs", text).len(), 1);
        assert!(faults("crates/keccak-lanes/src/a.rs", text).is_empty());
    }

    #[test]
    fn sources_are_found() {
        let found = sources(&root().join("xtask/src")).unwrap();
        assert!(found.iter().any(|file| file.ends_with("architecture/layout.rs")));
    }
}

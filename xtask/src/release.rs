//! Rehearses a release: everything that can be checked before the first crate is published.
//!
//! Publishing itself is not automated. It cannot be undone, and it needs an account at the registry.

mod changelog;
mod order;
pub(crate) mod semver;
mod tags;

use std::fs;

use crate::{
    command::{Args, Command, Failure},
    process::{self, cargo, program},
    test::deny,
    workspace::{Package, Workspace, root},
};
use changelog::Section;
use tags::Tags;

pub(crate) const COMMAND: Command = Command {
    name: "release",
    usage: "--dry-run",
    about: "rehearse a release: clean tree, versions, changelogs, licences, interfaces, archives; publishes nothing\n\
            and prints the commands that publish, lowest floor first",
    run,
};

fn run(args: &[String]) -> Result<(), Failure> {
    let mut args = Args::new(args);
    let is_rehearsal = args.flag("--dry-run");
    args.rest(0)?;
    if !is_rehearsal {
        return Err(Failure::new(
            "publishing is not automated: it cannot be undone, and needs an account at the registry (`cargo login`). \
             `cargo xtask release --dry-run` checks everything and prints the commands",
        ));
    }
    require_clean_tree()?;
    let workspace = Workspace::read()?;
    let tags = Tags::read()?;
    let ordered = order::lowest_first(&workspace)?;
    let due = due(&ordered, &tags)?;
    if due.is_empty() {
        println!("every crate is released in its version, and has not changed since");
        return Ok(());
    }
    println!("\nlicences, bans, sources, vulnerabilities:");
    deny::check(&workspace)?;
    println!("\ninterfaces, compared with the last release:");
    for package in &due {
        semver::check(package, &tags)?;
    }
    println!("\narchives, each compiled:");
    package(&due, &workspace)?;
    print!("\n{}", commands(&due));
    Ok(())
}

/// The archives are made of committed files.
fn require_clean_tree() -> Result<(), Failure> {
    let changes = process::output(&mut program("git", root(), &["status", "--porcelain"]))?;
    match changes.lines().next() {
        None => Ok(()),
        Some(change) => Err(Failure::new(format!(
            "the tree is not clean (`{change}`): commit or stash what is changed"
        ))),
    }
}

/// The crates whose version is not released, in the given order. Prints a line about each crate.
///
/// # Errors
///
/// A version and a changelog do not agree, or a crate has changed and has not got a new version.
fn due<'a>(ordered: &[&'a Package], tags: &Tags) -> Result<Vec<&'a Package>, Failure> {
    let mut due = Vec::new();
    for package in ordered {
        let tag = tags::tag(package);
        if tags.has(&tag) {
            require_unchanged(package, &tag)?;
            println!("  {} {}: is released", package.name, package.version);
            continue;
        }
        let section = section(package)?;
        let last = tags.last(&package.name).unwrap_or("no release");
        println!("  {} {}: after {last}; {}", package.name, package.version, section.state());
        due.push(*package);
    }
    Ok(due)
}

/// The newest section of the changelog of `package`, which must have its version.
fn section(package: &Package) -> Result<Section, Failure> {
    let path = package.folder().join("CHANGELOG.md");
    let text = fs::read_to_string(root().join(&path))
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))?;
    changelog::newest(&text)
        .and_then(|section| section.of_version(&package.version))
        .map_err(|fault| Failure::new(format!("{}: {fault}", path.display())))
}

/// A released version does not change: what has changed needs a new one.
fn require_unchanged(package: &Package, tag: &str) -> Result<(), Failure> {
    let mut diff = program("git", root(), &["diff", "--quiet", tag, "--"]);
    if process::works(diff.arg(package.folder())) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} has changed since {tag}: raise its version, and begin a section of its CHANGELOG.md",
        package.name
    )))
}

/// Makes the archives as `cargo publish` makes them, and compiles each with the others instead of the registry's.
fn package(due: &[&Package], workspace: &Workspace) -> Result<(), Failure> {
    let mut package = cargo(&["package", "--locked"]);
    for released in due {
        package.args(["--package", &released.name]);
    }
    // One folder: otherwise the dependencies are compiled once for each crate.
    process::run(package.env("CARGO_TARGET_DIR", &workspace.target_dir))
}

/// What publishes the crates.
fn commands(due: &[&Package]) -> String {
    let mut text = "a release of these crates, lowest floor first:\n".to_owned();
    for package in due {
        text.push_str(&format!("  cargo publish --locked --package {}\n", package.name));
    }
    text.push_str("then, for each of them, so that the next release is compared with this one:\n");
    for package in due {
        text.push_str(&format!("  git tag {}\n", tags::tag(package)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Package, Tags, Workspace, commands, due, run, section};

    #[test]
    fn nothing_is_published() {
        let refused = run(&[]).unwrap_err().to_string();
        assert!(refused.contains("--dry-run"), "{refused}");
    }

    #[test]
    fn every_crate_has_a_section_of_its_version() {
        let workspace = Workspace::read().unwrap();
        for package in workspace.packages.iter().filter(|package| package.published) {
            section(package).unwrap();
        }
    }

    #[test]
    fn a_crate_is_due_until_its_version_has_a_tag() {
        let workspace = Workspace::read().unwrap();
        let package = workspace.package("rlp-codec").unwrap();
        let found = due(&[package], &Tags::of(&["rlp-codec-v0.0.1"])).unwrap();
        assert_eq!(found.len(), 1);
        let next = Package { version: "99.0.0".to_owned(), ..package.clone() };
        let fault = due(&[&next], &Tags::of(&[])).unwrap_err().to_string();
        assert!(fault.contains("CHANGELOG.md") && fault.contains("99.0.0"), "{fault}");
    }

    #[test]
    fn the_commands_are_in_the_order_of_the_crates() {
        let package = |name: &str| Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            ..Package::default()
        };
        let text = commands(&[&package("a"), &package("b")]);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("  ")).collect();
        assert_eq!(
            lines,
            [
                "  cargo publish --locked --package a",
                "  cargo publish --locked --package b",
                "  git tag a-v0.1.0",
                "  git tag b-v0.1.0",
            ]
        );
    }
}

//! The manifest and the folder of each crate: entries and files that they must have.

use std::fs;

use super::violation::Violation;
use crate::{
    command::Failure,
    workspace::{Example, Package, root},
};

/// Files in the folder of each published crate, which its archive then contains.
pub(crate) const RELEASED_FILES: &[&str] =
    &["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];

/// Maximum number of keywords that the registry accepts.
const MAX_KEYWORDS: usize = 5;

/// Every fault of the manifests, and of the folders of published crates.
///
/// # Errors
///
/// A manifest, a licence or an example cannot be read.
pub(super) fn violations(packages: &[Package]) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    for package in packages {
        let manifest = fs::read_to_string(&package.manifest).map_err(|error| {
            Failure::new(format!("{} cannot be read: {error}", package.manifest.display()))
        })?;
        violations.extend(lints(&package.name, &manifest));
        violations.extend(planted(&package.name, &manifest));
        for example in &package.examples {
            violations.extend(untested(&package.name, example)?);
        }
        if package.published {
            violations.extend(listing(package));
            violations.extend(files(package)?);
        }
    }
    Ok(violations)
}

/// The lints of the workspace; keccak-lanes has its own, because it contains unsafe code.
fn lints(name: &str, manifest: &str) -> Option<Violation> {
    let inherits = name == "keccak-lanes" || manifest.contains("[lints]\nworkspace = true");
    (!inherits).then(|| {
        Violation::new(
            name,
            "does not inherit the lints of the workspace",
            "write `[lints]` and `workspace = true` in its Cargo.toml",
        )
    })
}

/// A manifest that selects planted bugs. Only the simulations may, and not by default: no other build can contain them.
fn planted(name: &str, manifest: &str) -> Option<Violation> {
    let allowed: &[&str] = match name {
        "p2p-world" => &["planted = []"],
        "sim" => &[r#"planted = ["p2p-world/planted"]"#, r#"required-features = ["planted"]"#],
        _ => &[],
    };
    let lines = manifest.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let selects = |line: &&str| line.contains("planted") && !allowed.contains(line);
    lines.into_iter().find(selects).map(|line| {
        let remedy = "leave planted bugs to `cargo xtask sim planted`";
        Violation::new(name, format!("selects planted bugs: `{line}`"), remedy)
    })
}

/// An example that no test runs.
fn untested(package: &str, example: &Example) -> Result<Option<Violation>, Failure> {
    let text = fs::read_to_string(&example.file).map_err(|error| {
        Failure::new(format!("{} cannot be read: {error}", example.file.display()))
    })?;
    let has_test = text.contains("#[test]") || text.contains("#[tokio::test");
    Ok((!has_test || !example.is_tested).then(|| {
        let fault = format!("its example `{}` is not tested", example.name);
        let remedy = "write `test = true` in its manifest, and a test that runs the example";
        Violation::new(package, fault, remedy)
    }))
}

/// Missing entries that a registry shows.
fn listing(package: &Package) -> Vec<Violation> {
    let listing = &package.listing;
    let rules = [
        (!listing.description.is_empty(), "`description`"),
        (!listing.license.is_empty(), "`license.workspace = true`"),
        (
            !listing.keywords.is_empty() && listing.keywords.len() <= MAX_KEYWORDS,
            "one to five `keywords`",
        ),
        (!listing.categories.is_empty(), "`categories`"),
        (listing.readme == "README.md", "`readme = \"README.md\"`"),
        (listing.docs_with_all_features, "`[package.metadata.docs.rs]` with `all-features = true`"),
    ];
    let missing = rules.into_iter().filter(|(is_there, _)| !is_there);
    missing
        .map(|(_, wanted)| {
            Violation::new(
                &package.name,
                format!("its Cargo.toml does not have {wanted}"),
                "add it: a published crate needs it",
            )
        })
        .collect()
}

/// Missing files of the archive. Licences must be copies of those at the root, not links.
fn files(package: &Package) -> Result<Vec<Violation>, Failure> {
    let Some(folder) = package.manifest.parent() else { return Ok(Vec::new()) };
    let mut violations = Vec::new();
    for name in RELEASED_FILES {
        let path = folder.join(name);
        let is_file = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
        if !is_file {
            let fault = format!("its folder does not have the file {name}");
            violations.push(Violation::new(&package.name, fault, "add it, not as a link"));
        } else if name.starts_with("LICENSE") {
            let read = |path| {
                fs::read(path)
                    .map_err(|error| Failure::new(format!("{name} cannot be read: {error}")))
            };
            if read(path)? != read(root().join(name))? {
                let fault = format!("its {name} differs from the one at the root");
                violations.push(Violation::new(&package.name, fault, "copy that one"));
            }
        }
    }
    Ok(violations)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{RELEASED_FILES, files, lints, listing, planted, root, untested};
    use crate::{
        architecture::violation::texts,
        workspace::{Example, Listing, Package},
    };

    fn package(folder: &str) -> Package {
        Package {
            name: "rlp-codec".to_owned(),
            published: true,
            manifest: std::env::temp_dir().join(folder).join("Cargo.toml"),
            listing: Listing {
                description: "RLP".to_owned(),
                license: "MIT OR Apache-2.0".to_owned(),
                keywords: vec!["rlp".to_owned()],
                categories: vec!["encoding".to_owned()],
                readme: "README.md".to_owned(),
                docs_with_all_features: true,
            },
            ..Package::default()
        }
    }

    #[test]
    fn every_package_inherits_the_lints() {
        assert!(lints("p2p-mux", "[lints]\nworkspace = true\n").is_none());
        assert!(lints("p2p-mux", "[package]\n").is_some());
        assert!(lints("keccak-lanes", "[package]\n").is_none());
    }

    #[test]
    fn planted_bugs_are_selected_by_the_simulations_only() {
        let selects = "[features]\nplanted = [\"p2p-world/planted\"]\n";
        assert!(planted("sim", selects).is_none());
        assert!(planted("sim", "default = [\"planted\"]").is_some());
        assert!(planted("whisper-node", selects).is_some());
        assert!(planted("p2p-world", "# planted\nplanted = []").is_none());
        assert!(planted("p2p-world", "default = [\"planted\"]").is_some());
    }

    #[test]
    fn an_example_has_a_test_that_runs() {
        let is_violation = |text: &str, is_tested| {
            let name = format!("xtask-example-{}.rs", std::process::id());
            let file = std::env::temp_dir().join(name);
            fs::write(&file, text).unwrap();
            let example = Example { name: "chat".to_owned(), file, is_tested };
            let violation = untested("p2p-mux", &example).unwrap();
            fs::remove_file(example.file).unwrap();
            violation.is_some()
        };
        assert!(!is_violation("fn main() {}\n#[test]\nfn runs() { main() }", true));
        assert!(is_violation("fn main() {}\n#[test]\nfn runs() { main() }", false));
        assert!(is_violation("fn main() {}", true));
    }

    #[test]
    fn each_entry_of_the_listing_is_needed() {
        assert!(listing(&package("")).is_empty());
        let breaks: [fn(&mut Listing); 7] = [
            |listing| listing.description.clear(),
            |listing| listing.license.clear(),
            |listing| listing.keywords.clear(),
            |listing| listing.keywords = vec!["rlp".to_owned(); 6],
            |listing| listing.categories.clear(),
            |listing| "../README.md".clone_into(&mut listing.readme),
            |listing| listing.docs_with_all_features = false,
        ];
        for break_it in breaks {
            let mut package = package("");
            break_it(&mut package.listing);
            assert_eq!(listing(&package).len(), 1);
        }
    }

    #[test]
    fn each_file_of_the_archive_is_needed() {
        let name = format!("xtask-manifests-{}", std::process::id());
        let package = package(&name);
        let folder = package.manifest.parent().unwrap();
        fs::create_dir_all(folder).unwrap();
        assert_eq!(files(&package).unwrap().len(), RELEASED_FILES.len());
        for name in RELEASED_FILES {
            fs::write(folder.join(name), "text").unwrap();
        }
        let found = texts(&files(&package).unwrap());
        assert_eq!(found.len(), 2, "the licences are other texts: {found:?}");
        for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
            fs::copy(root().join(name), folder.join(name)).unwrap();
        }
        assert!(files(&package).unwrap().is_empty());
        fs::remove_dir_all(folder).unwrap();
    }
}

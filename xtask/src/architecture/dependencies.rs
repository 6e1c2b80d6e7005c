//! What a crate brings along: the packages that its users compile with it.

pub(super) mod native;

use std::collections::BTreeSet;

use super::violation::Violation;
use crate::{
    command::Failure,
    process::{self, cargo},
};

/// A limit on the packages below one crate.
struct Limit {
    /// The arguments of `cargo tree` that select the crate and its features.
    selection: &'static [&'static str],
    /// Maximum number of packages, with the crate itself. Two versions of one are two.
    max_packages: usize,
    /// Packages that must not be among them.
    forbidden: &'static [&'static str],
}

/// A limit on a crate with its default features.
const fn limit(selection: &'static [&'static str], max_packages: usize) -> Limit {
    Limit { selection, max_packages, forbidden: &[] }
}

const LIMITS: &[Limit] = &[
    // Each layer can be used alone. A limit may only become lower.
    limit(&["--package", "rlp-codec"], 9),
    // With `aws-lc-rs` and `aws-lc-sys` for `sec/1`, and without them.
    limit(&["--package", "rlpx-transport"], 50),
    limit(&["--package", "rlpx-transport", "--no-default-features", "--features", "tokio"], 48),
    limit(&["--package", "whisper-envelope"], 44),
    limit(&["--package", "whisper-pow"], 17),
    limit(&["--package", "p2p-server"], 88),
    Limit {
        selection: &["--package", "whisper-protocol"],
        max_packages: 100,
        forbidden: &["clap", "hyper", "jsonrpsee", "p2p-server", "rustls", "schemars"],
    },
    // The typed client compiles no server.
    Limit {
        selection: &["--package", "whisper-rpc", "--no-default-features", "--features", "client"],
        max_packages: 50,
        forbidden: &[
            "clap",
            "hyper",
            "p2p-server",
            "rustls",
            "schemars",
            "tokio-rustls",
            "tower-http",
            "whisper-protocol",
        ],
    },
];

/// Every crate that brings along too much.
///
/// # Errors
///
/// `cargo tree` fails.
pub(super) fn violations() -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    for limit in LIMITS {
        violations.extend(faults(limit, &tree(limit.selection)?));
    }
    Ok(violations)
}

/// The packages of a selection and their dependencies, without those for tests and builds, one on each line.
fn tree(selection: &[&str]) -> Result<String, Failure> {
    let mut tree = cargo(&["tree", "--locked", "--edges", "normal", "--prefix", "none"]);
    process::output(tree.args(selection))
}

fn faults(limit: &Limit, tree: &str) -> Vec<Violation> {
    let crate_and_features = limit.selection[1..].join(" ");
    // `(*)` marks a package whose dependencies were shown before.
    let lines = tree.lines().map(|line| line.trim_end_matches(" (*)"));
    let packages: BTreeSet<&str> = lines.filter(|line| !line.is_empty()).collect();
    let names: BTreeSet<&str> =
        packages.iter().filter_map(|line| line.split_whitespace().next()).collect();
    let forbidden = limit.forbidden.iter().filter(|name| names.contains(*name));
    let mut faults: Vec<Violation> = forbidden
        .map(|name| {
            let fault = format!("{name} is among its dependencies");
            Violation::new(
                &crate_and_features,
                fault,
                "see `cargo tree --invert` for the way to it",
            )
        })
        .collect();
    if packages.len() > limit.max_packages {
        let (count, max) = (packages.len(), limit.max_packages);
        let fault = format!("brings {count} packages along, {max} are allowed");
        faults.push(Violation::new(&crate_and_features, fault, "use fewer or smaller packages"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{Limit, faults};
    use crate::architecture::violation::texts;

    const LIMIT: Limit =
        Limit { selection: &["--package", "a"], max_packages: 2, forbidden: &["hyper"] };

    #[test]
    fn a_forbidden_package_is_named() {
        let found = texts(&faults(&LIMIT, "a v0.1.0\nhyper v1.0.0\n"));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a: hyper is among its dependencies"), "{}", found[0]);
        assert!(faults(&LIMIT, "a v0.1.0\nhyper-util v1.0.0\n").is_empty());
    }

    #[test]
    fn more_packages_than_allowed_are_too_many() {
        let found = texts(&faults(&LIMIT, "a v0.1.0\nb v1.0.0\n\nb v2.0.0\nb v1.0.0 (*)\n"));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("brings 3 packages along, 2 are allowed"), "{}", found[0]);
        assert!(faults(&LIMIT, "a v0.1.0\nb v1.0.0\nb v1.0.0 (*)\n").is_empty());
    }
}

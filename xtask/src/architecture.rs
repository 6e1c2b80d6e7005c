//! The floors of the house: which crate may stand on which.
//!
//! The table below is the design; manifests are compared with it. `layout` looks at the files themselves.

mod layout;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::{
    command::{Args, Command, Failure},
    workspace::{Package, Workspace},
};

pub(crate) const COMMAND: Command = Command {
    name: "architecture",
    usage: "",
    about: "check that dependencies point down only, files stay short, and unsafe code stays in keccak-lanes",
    run: |args| {
        Args::new(args).rest(0)?;
        check()
    },
};

/// A crate's place: its floor, and the crates of this workspace that it may depend on.
struct Place {
    name: &'static str,
    floor: u8,
    below: &'static [&'static str],
}

const fn place(name: &'static str, floor: u8, below: &'static [&'static str]) -> Place {
    Place { name, floor, below }
}

/// The published crates, bottom up.
const PLACES: &[Place] = &[
    place("keccak-lanes", 0, &[]),
    place("rlp-codec", 1, &[]),
    place("p2p-identity", 1, &["rlp-codec", "keccak-lanes"]),
    place("rlpx-transport", 2, &["rlp-codec", "p2p-identity", "keccak-lanes"]),
    place("p2p-discovery", 2, &["rlp-codec", "p2p-identity", "keccak-lanes"]),
    place("whisper-envelope", 2, &["rlp-codec", "p2p-identity", "keccak-lanes"]),
    place("whisper-pow", 3, &["keccak-lanes", "whisper-envelope"]),
    place("p2p-mux", 3, &["rlpx-transport", "rlp-codec", "p2p-identity", "keccak-lanes"]),
    place("p2p-server", 4, &["p2p-mux", "p2p-discovery"]),
    place(
        "whisper-node",
        5,
        &[
            "keccak-lanes",
            "rlp-codec",
            "p2p-identity",
            "rlpx-transport",
            "p2p-discovery",
            "whisper-envelope",
            "whisper-pow",
            "p2p-mux",
            "p2p-server",
        ],
    ),
];

/// The one edge between two crates of one floor.
const BESIDE: (&str, &str) = ("p2p-identity", "rlp-codec");

/// The one edge that must leave default features, the cryptography, behind.
const SHAPE_ONLY: (&str, &str) = ("whisper-pow", "whisper-envelope");

/// What is wrong with one package or one of its dependencies.
#[derive(Debug, PartialEq, Eq)]
enum Violation {
    /// A released crate that has no floor.
    NoPlace { package: String },
    /// The dependency is on a higher floor.
    Up { from: String, to: String },
    /// The dependency is on the same floor.
    Beside { from: String, to: String },
    /// The dependency is below, but the table does not name it.
    NotInTable { from: String, to: String },
    /// A released crate that depends on one that is not.
    Unpublished { from: String, to: String },
    /// Features that this edge must not switch on.
    Features { from: String, to: String },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlace { package } => {
                write!(f, "{package} is published but has no floor in xtask/src/architecture.rs")
            }
            Self::Up { from, to } => write!(f, "{from} depends on {to}, which is above it"),
            Self::Beside { from, to } => write!(f, "{from} depends on {to}, which is beside it"),
            Self::NotInTable { from, to } => {
                write!(f, "{from} depends on {to}, which the table does not allow")
            }
            Self::Unpublished { from, to } => {
                write!(f, "{from} depends on {to}, which is not published")
            }
            Self::Features { from, to } => {
                write!(
                    f,
                    "{from} may use {to} only without its default features and without cryptography"
                )
            }
        }
    }
}

/// Checks the workspace: its manifests, then its files.
pub(crate) fn check() -> Result<(), Failure> {
    let workspace = Workspace::read()?;
    let mut found: Vec<String> =
        violations(&workspace.packages).iter().map(ToString::to_string).collect();
    found.extend(layout::violations(&workspace)?);
    if found.is_empty() {
        let crates = workspace.published().count();
        println!("  {crates} crates on their floors, no edge up or beside, no file over the limit");
        return Ok(());
    }
    Err(Failure::new(format!("the architecture is broken:\n  {}", found.join("\n  "))))
}

/// Everything in the manifests of `packages` that contradicts the table.
fn violations(packages: &[Package]) -> Vec<Violation> {
    packages
        .iter()
        .filter(|package| package.published)
        .flat_map(|from| faults(from, packages))
        .collect()
}

fn faults(package: &Package, packages: &[Package]) -> Vec<Violation> {
    let Some(own) = find(&package.name) else {
        return vec![Violation::NoPlace { package: package.name.clone() }];
    };
    let mut faults = Vec::new();
    for dependency in &package.dependencies {
        let Some(sibling) = packages.iter().find(|other| other.name == dependency.name) else {
            continue;
        };
        let (from, to) = (package.name.clone(), dependency.name.clone());
        let Some(other) = find(&sibling.name) else {
            faults.push(Violation::Unpublished { from, to });
            continue;
        };
        let edge = (own.name, other.name);
        if other.floor > own.floor {
            faults.push(Violation::Up { from, to });
        } else if other.floor == own.floor && edge != BESIDE {
            faults.push(Violation::Beside { from, to });
        } else if dependency.dev {
            // Tests may use anything below.
        } else if !own.below.contains(&other.name) {
            faults.push(Violation::NotInTable { from, to });
        } else if edge == SHAPE_ONLY
            && (dependency.default_features || !dependency.features.is_empty())
        {
            faults.push(Violation::Features { from, to });
        }
    }
    faults
}

fn find(name: &str) -> Option<&'static Place> {
    PLACES.iter().find(|place| place.name == name)
}

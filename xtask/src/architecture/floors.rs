//! The floors of the workspace: which crate may use which.
//!
//! The table below is the design; manifests are compared with it.

pub(super) mod lists;
#[cfg(test)]
mod tests;

use super::violation::Violation;
use crate::workspace::{Dependency, Package};

/// The floor of a crate, and the crates of this workspace that it may use.
struct Standing {
    name: &'static str,
    floor: u8,
    may_use: &'static [&'static str],
}

const fn on_floor(floor: u8, name: &'static str, may_use: &'static [&'static str]) -> Standing {
    Standing { name, floor, may_use }
}

/// The published crates, lowest floor first.
const FLOORS: &[Standing] = &[
    on_floor(0, "fair-queue", &[]),
    on_floor(0, "keccak-lanes", &[]),
    on_floor(0, "p2p-world", &[]),
    on_floor(1, "rlp-codec", &[]),
    on_floor(1, "p2p-identity", &["rlp-codec", "keccak-lanes"]),
    on_floor(1, "node-store", &["p2p-world"]),
    on_floor(2, "rlpx-transport", &["rlp-codec", "p2p-identity", "keccak-lanes", "p2p-world"]),
    on_floor(2, "p2p-discovery", &["rlp-codec", "p2p-identity", "p2p-world", "keccak-lanes"]),
    on_floor(2, "whisper-envelope", &["rlp-codec", "p2p-identity", "keccak-lanes"]),
    on_floor(3, "whisper-pow", &["fair-queue", "keccak-lanes", "whisper-envelope"]),
    on_floor(
        3,
        "p2p-mux",
        &["rlpx-transport", "rlp-codec", "p2p-identity", "p2p-world", "keccak-lanes"],
    ),
    on_floor(4, "p2p-server", &["p2p-mux", "p2p-discovery", "p2p-world", "node-store"]),
    on_floor(
        5,
        "p2p-sim",
        &["p2p-discovery", "p2p-mux", "p2p-server", "p2p-world", "rlpx-transport"],
    ),
    on_floor(
        5,
        "whisper-protocol",
        &[
            "fair-queue",
            "keccak-lanes",
            "p2p-identity",
            "p2p-mux",
            "p2p-world",
            "whisper-envelope",
            "whisper-pow",
        ],
    ),
    on_floor(6, "whisper-archive", &["whisper-protocol", "node-store", "p2p-world"]),
    on_floor(
        6,
        "whisper-store",
        &["node-store", "p2p-world", "rlp-codec", "whisper-envelope", "whisper-protocol"],
    ),
    on_floor(
        6,
        "whisper-rpc",
        &[
            "fair-queue",
            "keccak-lanes",
            "p2p-identity",
            "p2p-mux",
            "p2p-server",
            "p2p-world",
            "whisper-envelope",
            "whisper-pow",
            "whisper-protocol",
        ],
    ),
    on_floor(
        7,
        "whisper-node",
        &[
            "keccak-lanes",
            "rlp-codec",
            "p2p-identity",
            "rlpx-transport",
            "p2p-discovery",
            "p2p-world",
            "whisper-envelope",
            "whisper-pow",
            "p2p-mux",
            "p2p-server",
            "whisper-protocol",
            "whisper-archive",
            "whisper-store",
            "whisper-rpc",
        ],
    ),
];

/// The only edge between two crates of one floor.
const BESIDE: (&str, &str) = ("p2p-identity", "rlp-codec");

/// The edge that must be without features: proof of work needs no cryptography of envelopes.
const WITHOUT_FEATURES: (&str, &str) = ("whisper-pow", "whisper-envelope");

/// Features that only a simulation turns on: randomness that can be foreseen, and no cryptography.
const SIMULATED: &[(&str, &str)] = &[("p2p-world", "seeded"), ("rlpx-transport", "null")];

/// The crate that may turn them on. No published crate uses it.
const SIMULATOR: &str = "p2p-sim";

/// A fault of one package or of one of its dependencies.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// A published crate that has no floor.
    NoFloor { package: String },
    /// The dependency is on a higher floor.
    Up { from: String, to: String },
    /// The dependency is on the same floor.
    Beside { from: String, to: String },
    /// The dependency is on a lower floor, but the table does not name it.
    NotInTable { from: String, to: String },
    /// A published crate that depends on one that is not.
    Unpublished { from: String, to: String },
    /// The edge has features, but must have none.
    Features { from: String, to: String },
    /// The edge turns on what is for simulations only.
    Simulated { from: String, to: String },
}

impl From<Fault> for Violation {
    fn from(fault: Fault) -> Self {
        const TABLE: &str =
            "add it to the table in xtask/src/architecture/floors.rs if it is right";
        match fault {
            Fault::NoFloor { package } => {
                Self::new(package, "is published, but has no floor", TABLE)
            }
            Fault::Up { from, to } => Self::new(
                from,
                format!("depends on {to}, which is on a higher floor"),
                "reverse the dependency",
            ),
            Fault::Beside { from, to } => Self::new(
                from,
                format!("depends on {to}, which is on the same floor"),
                "move what both need to a lower floor",
            ),
            Fault::NotInTable { from, to } => {
                Self::new(from, format!("depends on {to}, which the table does not allow"), TABLE)
            }
            Fault::Unpublished { from, to } => Self::new(
                from,
                format!("depends on {to}, which is not published"),
                "move what it needs to a published crate",
            ),
            Fault::Features { from, to } => Self::new(
                from,
                format!("uses {to} with features"),
                "set `default-features = false` and no features",
            ),
            Fault::Simulated { from, to } => Self::new(
                from,
                format!("uses a feature of {to} that is for simulations only"),
                "use it in tests, or in p2p-sim",
            ),
        }
    }
}

/// Everything in the manifests of `packages` that contradicts the table, lowest floor first.
pub(super) fn violations(packages: &[Package]) -> Vec<Violation> {
    faults(packages).into_iter().map(Violation::from).collect()
}

/// The names of the crates, lowest floor first.
pub(super) fn names() -> Vec<&'static str> {
    FLOORS.iter().map(|standing| standing.name).collect()
}

fn faults(packages: &[Package]) -> Vec<Fault> {
    let mut published: Vec<&Package> =
        packages.iter().filter(|package| package.published).collect();
    // Crates without a floor come last.
    published.sort_by_key(|package| {
        FLOORS.iter().position(|standing| standing.name == package.name).unwrap_or(usize::MAX)
    });
    published.into_iter().flat_map(|package| faults_of(package, packages)).collect()
}

fn faults_of(package: &Package, packages: &[Package]) -> Vec<Fault> {
    let Some(own) = find(&package.name) else {
        return vec![Fault::NoFloor { package: package.name.clone() }];
    };
    let mut faults = Vec::new();
    for dependency in &package.dependencies {
        let Some(sibling) = packages.iter().find(|other| other.name == dependency.name) else {
            continue;
        };
        let (from, to) = (package.name.clone(), dependency.name.clone());
        let Some(other) = find(&sibling.name) else {
            faults.push(Fault::Unpublished { from, to });
            continue;
        };
        let edge = (own.name, other.name);
        if other.floor > own.floor {
            faults.push(Fault::Up { from, to });
        } else if other.floor == own.floor && edge != BESIDE {
            faults.push(Fault::Beside { from, to });
        } else if dependency.dev {
            // Tests may use every lower floor.
        } else if !own.may_use.contains(&other.name) {
            faults.push(Fault::NotInTable { from, to });
        } else if own.name != SIMULATOR && is_simulated(dependency) {
            faults.push(Fault::Simulated { from, to });
        } else if edge == WITHOUT_FEATURES
            && (dependency.default_features || !dependency.features.is_empty())
        {
            faults.push(Fault::Features { from, to });
        }
    }
    faults
}

fn find(name: &str) -> Option<&'static Standing> {
    FLOORS.iter().find(|standing| standing.name == name)
}

fn is_simulated(dependency: &Dependency) -> bool {
    let turned_on = |(name, feature): &(&str, &str)| {
        dependency.name == *name && dependency.features.iter().any(|found| found == feature)
    };
    SIMULATED.iter().any(turned_on)
}

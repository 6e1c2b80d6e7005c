//! The table against itself, against a made-up bad graph, and against the workspace as it is.

use std::path::PathBuf;

use super::{BESIDE, PLACES, Violation, check, find, violations};
use crate::workspace::{Dependency, Package};

fn package(name: &str, dependencies: &[Dependency]) -> Package {
    Package {
        name: name.to_owned(),
        published: name != "benches",
        manifest: PathBuf::new(),
        binaries: Vec::new(),
        benches: Vec::new(),
        dependencies: dependencies.to_vec(),
    }
}

fn on(name: &str) -> Dependency {
    Dependency { name: name.to_owned(), dev: false, default_features: false, features: Vec::new() }
}

/// Checks a workspace of all the places, where `package` has the given dependency.
fn faults(from: &str, dependency: Dependency) -> Vec<Violation> {
    let mut packages = vec![package("benches", &[])];
    packages.extend(PLACES.iter().map(|place| package(place.name, &[])));
    packages.retain(|other| other.name != from);
    packages.push(package(from, &[dependency]));
    violations(&packages)
}

fn names(from: &str, to: &str) -> (String, String) {
    (from.to_owned(), to.to_owned())
}

#[test]
fn the_workspace_stands() {
    check().unwrap();
}

#[test]
fn the_table_itself_points_down() {
    for place in PLACES {
        for below in place.below {
            let other = find(below).unwrap_or_else(|| panic!("{below} has no place"));
            let allowed = other.floor < place.floor || (place.name, other.name) == BESIDE;
            assert!(allowed, "{} may not stand on {below}", place.name);
        }
    }
}

#[test]
fn every_edge_of_the_table_is_accepted() {
    for place in PLACES {
        for below in place.below {
            assert_eq!(faults(place.name, on(below)), [], "{} on {below}", place.name);
        }
    }
}

#[test]
fn an_edge_up_or_beside_is_refused() {
    let (from, to) = names("rlp-codec", "p2p-mux");
    assert_eq!(faults("rlp-codec", on("p2p-mux")), [Violation::Up { from, to }]);
    let (from, to) = names("rlp-codec", "p2p-identity");
    assert_eq!(faults("rlp-codec", on("p2p-identity")), [Violation::Beside { from, to }]);
    let (from, to) = names("whisper-envelope", "rlpx-transport");
    assert_eq!(faults("whisper-envelope", on("rlpx-transport")), [Violation::Beside { from, to }]);
}

#[test]
fn an_edge_down_must_be_in_the_table() {
    let (from, to) = names("p2p-server", "rlp-codec");
    assert_eq!(faults("p2p-server", on("rlp-codec")), [Violation::NotInTable { from, to }]);
    let (from, to) = names("whisper-pow", "p2p-identity");
    assert_eq!(faults("whisper-pow", on("p2p-identity")), [Violation::NotInTable { from, to }]);
}

#[test]
fn tests_may_look_down_but_not_up() {
    let dev = |name| Dependency { dev: true, ..on(name) };
    assert_eq!(faults("p2p-server", dev("rlp-codec")), []);
    let (from, to) = names("rlp-codec", "whisper-node");
    assert_eq!(faults("rlp-codec", dev("whisper-node")), [Violation::Up { from, to }]);
}

#[test]
fn proof_of_work_sees_the_shape_of_an_envelope_alone() {
    let refused = || {
        let (from, to) = names("whisper-pow", "whisper-envelope");
        [Violation::Features { from, to }]
    };
    let with_defaults = Dependency { default_features: true, ..on("whisper-envelope") };
    assert_eq!(faults("whisper-pow", with_defaults), refused());
    let with_crypto = Dependency { features: vec!["crypto".to_owned()], ..on("whisper-envelope") };
    assert_eq!(faults("whisper-pow", with_crypto), refused());
}

#[test]
fn a_new_crate_needs_a_floor_and_a_released_one_needs_released_ones() {
    let packages = [package("whisper-toys", &[])];
    assert_eq!(violations(&packages), [Violation::NoPlace { package: "whisper-toys".to_owned() }]);
    let (from, to) = names("p2p-mux", "benches");
    assert_eq!(faults("p2p-mux", on("benches")), [Violation::Unpublished { from, to }]);
}

#[test]
fn crates_of_others_are_not_our_business() {
    assert_eq!(faults("rlp-codec", on("alloy-rlp")), []);
}

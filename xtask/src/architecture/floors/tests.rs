//! The table itself, and workspaces that break it.

use super::{BESIDE, FLOORS, Fault, SIMULATED, SIMULATOR, find};
use crate::workspace::{Dependency, Package};

fn package(name: &str, dependencies: &[Dependency]) -> Package {
    Package {
        name: name.to_owned(),
        published: name != "benches",
        dependencies: dependencies.to_vec(),
        ..Package::default()
    }
}

fn on(name: &str) -> Dependency {
    Dependency { name: name.to_owned(), dev: false, default_features: false, features: Vec::new() }
}

/// The faults of a workspace of all crates, where `from` has the given dependency.
fn faults(from: &str, dependency: Dependency) -> Vec<Fault> {
    let mut packages = vec![package("benches", &[])];
    packages.extend(FLOORS.iter().map(|standing| package(standing.name, &[])));
    packages.retain(|other| other.name != from);
    packages.push(package(from, &[dependency]));
    super::faults(&packages)
}

fn names(from: &str, to: &str) -> (String, String) {
    (from.to_owned(), to.to_owned())
}

#[test]
fn the_table_itself_points_down() {
    for standing in FLOORS {
        for below in standing.may_use {
            let other = find(below).unwrap_or_else(|| panic!("{below} has no floor"));
            let allowed = other.floor < standing.floor || (standing.name, other.name) == BESIDE;
            assert!(allowed, "{} may not use {below}", standing.name);
        }
    }
}

#[test]
fn every_edge_of_the_table_is_accepted() {
    for standing in FLOORS {
        for below in standing.may_use {
            assert_eq!(faults(standing.name, on(below)), [], "{} on {below}", standing.name);
        }
    }
}

#[test]
fn an_edge_up_or_beside_is_refused() {
    let (from, to) = names("rlp-codec", "p2p-mux");
    assert_eq!(faults("rlp-codec", on("p2p-mux")), [Fault::Up { from, to }]);
    let (from, to) = names("rlp-codec", "p2p-identity");
    assert_eq!(faults("rlp-codec", on("p2p-identity")), [Fault::Beside { from, to }]);
    let (from, to) = names("whisper-envelope", "rlpx-transport");
    assert_eq!(faults("whisper-envelope", on("rlpx-transport")), [Fault::Beside { from, to }]);
}

#[test]
fn an_edge_down_must_be_in_the_table() {
    let (from, to) = names("p2p-server", "rlp-codec");
    assert_eq!(faults("p2p-server", on("rlp-codec")), [Fault::NotInTable { from, to }]);
    let (from, to) = names("whisper-pow", "p2p-identity");
    assert_eq!(faults("whisper-pow", on("p2p-identity")), [Fault::NotInTable { from, to }]);
}

#[test]
fn tests_may_use_lower_floors_but_not_higher_ones() {
    let dev = |name| Dependency { dev: true, ..on(name) };
    assert_eq!(faults("p2p-server", dev("rlp-codec")), []);
    let (from, to) = names("rlp-codec", "whisper-node");
    assert_eq!(faults("rlp-codec", dev("whisper-node")), [Fault::Up { from, to }]);
}

#[test]
fn proof_of_work_uses_envelopes_without_cryptography() {
    let refused = || {
        let (from, to) = names("whisper-pow", "whisper-envelope");
        [Fault::Features { from, to }]
    };
    let with_defaults = Dependency { default_features: true, ..on("whisper-envelope") };
    assert_eq!(faults("whisper-pow", with_defaults), refused());
    let with_crypto = Dependency { features: vec!["crypto".to_owned()], ..on("whisper-envelope") };
    assert_eq!(faults("whisper-pow", with_crypto), refused());
}

#[test]
fn only_the_simulator_turns_off_cryptography_and_chance() {
    for (name, feature) in SIMULATED {
        let with_feature = |dev| Dependency { dev, features: vec![(*feature).into()], ..on(name) };
        let (from, to) = names("p2p-mux", name);
        assert_eq!(faults("p2p-mux", with_feature(false)), [Fault::Simulated { from, to }]);
        assert_eq!(faults("p2p-mux", with_feature(true)), []);
        assert_eq!(faults(SIMULATOR, with_feature(false)), []);
    }
    let users = FLOORS.iter().filter(|standing| standing.may_use.contains(&SIMULATOR));
    assert_eq!(users.count(), 0);
}

#[test]
fn a_published_crate_needs_a_floor_and_published_dependencies() {
    let packages = [package("whisper-toys", &[])];
    assert_eq!(super::faults(&packages), [Fault::NoFloor { package: "whisper-toys".to_owned() }]);
    let (from, to) = names("p2p-mux", "benches");
    assert_eq!(faults("p2p-mux", on("benches")), [Fault::Unpublished { from, to }]);
}

#[test]
fn faults_are_in_the_order_of_the_floors() {
    let edges =
        [("whisper-toys", "rlp-codec"), ("p2p-mux", "p2p-server"), ("rlp-codec", "p2p-mux")];
    let mut packages: Vec<Package> = edges.map(|(from, to)| package(from, &[on(to)])).to_vec();
    packages.push(package("p2p-server", &[]));
    let up = |from, to| {
        let (from, to) = names(from, to);
        Fault::Up { from, to }
    };
    assert_eq!(
        super::faults(&packages),
        [
            up("rlp-codec", "p2p-mux"),
            up("p2p-mux", "p2p-server"),
            Fault::NoFloor { package: "whisper-toys".to_owned() }
        ]
    );
}

#[test]
fn crates_from_outside_the_workspace_are_allowed() {
    assert_eq!(faults("rlp-codec", on("alloy-rlp")), []);
}

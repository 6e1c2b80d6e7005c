//! A test that is printed for a scenario compiles, and fails as the scenario did.

use std::time::Duration;

use p2p_sim::{Fault, HostId, Scenario};
use p2p_world::planted::{Bug, plant};

const ARGS: &str = "faults --degree 4 --posts 60 --hostile 0 --null";

/// As in the regression tests, but with a bug.
fn check(args: &str, scenario: &Scenario) {
    plant(Some(Bug::LostWakeup));
    if let Err(violation) = sim::check(args, scenario) {
        panic!("{violation}");
    }
}

#[test]
fn it_is_printed_as_it_is_here() {
    let at = Duration::from_millis;
    let faults = vec![
        (at(1500), Fault::Kill(HostId(1))),
        (at(2000), Fault::Block(vec![HostId(0)], vec![HostId(2)])),
    ];
    let scenario = Scenario { seed: 7, nodes: 4, time: at(120_000), faults };
    let test = sim::printed_test(ARGS, &scenario);
    assert!(include_str!("printed.rs").contains(&test), "{test}");
}

// What was printed, and what is expected of it.
#[should_panic(expected = "with seed 7")]
#[test]
fn seed_7() {
    let scenario = Scenario {
        seed: 7,
        nodes: 4,
        time: Duration::from_millis(120000),
        faults: vec![
            (Duration::from_millis(1500), Fault::Kill(HostId(1))),
            (Duration::from_millis(2000), Fault::Block(vec![HostId(0)], vec![HostId(2)])),
        ],
    };
    check("faults --degree 4 --posts 60 --hostile 0 --null", &scenario);
}

//! Scenarios that once failed. `cargo xtask sim` prints such a test for a seed that fails.

use std::time::Duration;

use p2p_sim::{Fault, HostId, Scenario};

use crate::{
    scenario::{self, Output},
    settings::Settings,
};

/// Runs a scenario with these arguments of `cargo xtask sim`.
fn check(args: &str, scenario: &Scenario) {
    let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
    let settings = Settings::parse(&args).expect("arguments of the program");
    let outcome = scenario::run(&settings, scenario, Output::Nothing);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

#[test]
fn a_test_is_printed_as_it_is_here() {
    let at = Duration::from_millis;
    let faults = vec![
        (at(1500), Fault::Kill(HostId(1))),
        (at(2000), Fault::Block(vec![HostId(0)], vec![HostId(2)])),
    ];
    let scenario = Scenario { seed: 7, nodes: 3, time: at(100_000), faults };
    let args: Vec<String> = ["faults", "--degree", "4"].map(str::to_owned).into();
    let test = Settings::parse(&args).expect("arguments").test(&scenario);
    assert!(include_str!("regressions.rs").contains(&test), "{test}");
}

#[test]
fn seed_7() {
    let scenario = Scenario {
        seed: 7,
        nodes: 3,
        time: Duration::from_millis(100000),
        faults: vec![
            (Duration::from_millis(1500), Fault::Kill(HostId(1))),
            (Duration::from_millis(2000), Fault::Block(vec![HostId(0)], vec![HostId(2)])),
        ],
    };
    check("faults --degree 4 --posts 60 --hostile 4", &scenario);
}

/// One clock was wrong; all nodes followed each other from then on.
#[test]
fn nodes_that_followed_a_wrong_clock_come_back() {
    let scenario = Scenario {
        seed: 86,
        nodes: 8,
        time: Duration::from_millis(180000),
        faults: vec![
            (
                Duration::from_millis(37805),
                Fault::Block([4, 5].map(HostId).into(), [0, 1, 2, 3, 6, 7].map(HostId).into()),
            ),
            (Duration::from_millis(65317), Fault::Clock(HostId(6), 20.38346508632369)),
        ],
    };
    check("faults --degree 4 --posts 60 --hostile 2 --null", &scenario);
}

/// Nodes kept a correction that they had no reason for any more, and lost messages.
#[test]
fn seed_92_as_a_whole() {
    let args = "faults --nodes 8 --degree 4 --minutes 3 --hostile 2 --null";
    let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
    let settings = Settings::parse(&args).expect("arguments of the program");
    let outcome = scenario::run(&settings, &settings.scenario(92), Output::Nothing);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

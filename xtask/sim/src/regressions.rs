//! Scenarios that once failed. `cargo xtask sim` prints such a test for a seed that fails.

use std::time::Duration;

use p2p_sim::{Fault, HostId, Scenario};

/// Runs a scenario with these arguments of `cargo xtask sim`.
fn check(args: &str, scenario: &Scenario) {
    let outcome = crate::check(args, scenario);
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
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

/// Runs a seed of the main scenario.
fn check_main(seed: u64) {
    let args = "faults --null --nodes 6 --degree 4 --minutes 3 --hostile 1 --posts 40";
    check(args, &crate::parse(args).scenario(seed));
}

/// A message came late over a line that had been cut, when its recipient required more work for a while.
#[test]
fn seed_1217_a_message_that_was_refused_for_its_work_arrives() {
    check_main(1217);
}

/// The same, with a message that was kept until its time had come.
#[test]
fn seed_1644_a_message_that_was_early_and_refused_for_its_work_arrives() {
    check_main(1644);
}

/// The same with topics: a node wanted one no longer, and then again.
#[test]
fn seed_1430_a_message_that_was_early_and_about_an_unwanted_topic_arrives() {
    check_main(1430);
}

/// A node began to correct its clock while it sealed a message.
#[test]
fn seed_3278_a_message_has_the_time_at_which_it_was_sealed() {
    check_main(3278);
}

/// Nodes kept a correction that they had no reason for any more, and lost messages.
#[test]
fn seed_92_as_a_whole() {
    let args = "faults --nodes 8 --degree 4 --minutes 3 --hostile 2 --null";
    check(args, &crate::parse(args).scenario(92));
}

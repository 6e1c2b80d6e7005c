use super::*;

/// A network of the size for tests.
fn small() -> LazyCase {
    LazyCase { nodes: 24, degree: 14, posts: 10, warm_up: 16, ..LazyCase::default() }
}

#[track_caller]
fn run(case: LazyCase) -> LazyMeasured {
    let measured = measure(&case).unwrap_or_else(|violation| panic!("{violation}"));
    assert_eq!((measured.missing, measured.faults), (0, 0), "{case}: {measured}");
    measured
}

#[test]
fn announcing_sends_about_one_copy_and_flooding_one_for_each_peer() {
    let [lazy, flood] = [false, true].map(|floods| run(LazyCase { floods, ..small() }));
    assert!(lazy.copies < 2.0, "{lazy}");
    assert!(flood.copies > 9.0, "{flood}");
    assert!(lazy.bytes < flood.bytes / 4.0, "{lazy}; {flood}");
    assert!(lazy.p50_ms < 2.7 * flood.p50_ms, "{lazy}; {flood}");
}

#[test]
fn with_few_peers_nothing_is_announced() {
    let few = LazyCase { degree: 4, ..small() };
    let [lazy, flood] = [false, true].map(|floods| run(LazyCase { floods, ..few }));
    assert!(lazy.p50_ms <= 1.05 * flood.p50_ms, "{lazy}; {flood}");
}

#[test]
fn everything_arrives_although_some_announce_and_never_deliver() {
    let honest = run(small());
    let lied = run(LazyCase { liars: 0.3, ..small() });
    assert!(lied.unanswered > 0, "{lied}");
    assert!(lied.p99_ms <= honest.p99_ms + 2.0 * 1000.0, "{honest}; {lied}");
}

#[test]
fn everything_arrives_at_nodes_without_it_and_over_connections_that_end() {
    run(LazyCase { plain: 0.4, ..small() });
    run(LazyCase { churn: 1.0, posts: 30, size: 256, ..small() });
}

#[test]
fn nothing_is_lost_while_the_network_is_divided() {
    run(LazyCase { divided: true, posts: 40, size: 256, ..small() });
}

#[test]
fn the_same_seed_does_the_same() {
    let case = LazyCase { nodes: 12, degree: 6, posts: 5, warm_up: 5, liars: 0.2, ..small() };
    assert_eq!(run(case), run(case));
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let parse = |args: &str| {
        LazyCase::parse(&args.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    };
    let given = parse("--degree 8 --flood --liars 0.3").unwrap();
    assert_eq!((given.degree, given.floods, given.liars), (8, true, 0.3));
    for args in
        ["--degree", "--liars 2", "--liars 1", "--nodes 1", "--posts 0", "--size x", "--what"]
    {
        assert!(parse(args).is_err(), "{args}");
    }
}

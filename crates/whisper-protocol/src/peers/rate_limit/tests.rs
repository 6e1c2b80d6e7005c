use p2p_identity::SecretKey;

use super::*;

fn per_second(messages: u32, bytes: u32) -> Rate {
    Rate { messages: NonZeroU32::new(messages), bytes: NonZeroU32::new(bytes) }
}

fn id() -> NodeId {
    SecretKey::random(&mut rand::rng()).id()
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How many of `packets` packets pass at one moment.
fn passing(
    limiter: &RateLimiter,
    now: Duration,
    from: (&NodeId, Option<IpAddr>),
    packets: usize,
) -> usize {
    let passes = |_: &usize| limiter.handle_packet(now, from.0, from.1, 100).is_ok();
    (0..packets).filter(passes).count()
}

#[test]
fn a_burst_of_one_second_passes_and_then_the_rate() {
    let limits = RateLimits { peer: per_second(5, 0), ..RateLimits::default() };
    let (limiter, one, other) = (RateLimiter::new(limits), id(), id());
    assert_eq!(passing(&limiter, millis(0), (&one, None), 20), 5);
    assert_eq!(passing(&limiter, millis(0), (&other, None), 20), 5, "each its own");
    assert_eq!(passing(&limiter, millis(199), (&one, None), 20), 0);
    assert_eq!(passing(&limiter, millis(400), (&one, None), 20), 2);
    assert_eq!(passing(&limiter, millis(90_000), (&one, None), 20), 5);
}

#[test]
fn peers_of_one_address_share_its_limit() {
    let limits = RateLimits { ip: per_second(3, 0), ..RateLimits::default() };
    for (addresses, passes) in [
        (["10.0.0.1", "10.0.0.1"], 3),
        (["10.0.0.1", "::ffff:10.0.0.1"], 3),
        (["2001:db8::1", "2001:db8::ffff:0:0:2"], 3),
        (["10.0.0.1", "10.0.0.2"], 6),
        (["2001:db8::1", "2001:db8:0:1::1"], 6),
    ] {
        let limiter = RateLimiter::new(limits.clone());
        let counts = addresses.map(|at| passing(&limiter, millis(7), (&id(), ip(at)), 10));
        assert_eq!(counts.iter().sum::<usize>(), passes, "{addresses:?}");
    }
    let over_a_pipe = passing(&RateLimiter::new(limits), millis(7), (&id(), None), 10);
    assert_eq!(over_a_pipe, 10, "there is no address");
}

#[test]
fn a_packet_larger_than_the_limit_passes_and_leaves_a_debt() {
    let limits = RateLimits { peer: per_second(0, 1000), ..RateLimits::default() };
    let (limiter, id) = (RateLimiter::new(limits), id());
    let passes = |now, bytes| limiter.handle_packet(millis(now), &id, None, bytes).is_ok();
    assert!(passes(0, 10_000));
    assert!(!passes(8_900, 1));
    assert!(passes(9_100, 1));
}

#[test]
fn the_tolerance_is_used_up_and_restored() {
    let limits = RateLimits { peer: per_second(1, 0), tolerance: Some(3), ..RateLimits::default() };
    let (limiter, id) = (RateLimiter::new(limits.clone()), id());
    let packet = |seconds| limiter.handle_packet(Duration::from_secs(seconds), &id, None, 1);
    assert_eq!(packet(0), Ok(()));
    let excess = |intolerable| Err(Excess { scope: LimitScope::Peer, intolerable });
    assert_eq!(
        [packet(0), packet(0), packet(0), packet(0)],
        [false, false, false, true].map(excess)
    );
    assert_eq!(packet(100), Ok(()), "the tolerance is restored");
    assert_eq!(packet(100), excess(false));

    for (tolerance, intolerable) in [(Some(0), true), (None, false)] {
        let limits = RateLimits { tolerance, ..limits.clone() };
        let limiter = RateLimiter::new(limits);
        let packet = || limiter.handle_packet(Duration::ZERO, &id, None, 1);
        assert_eq!(packet(), Ok(()));
        for _ in 0..200 {
            assert_eq!(packet(), excess(intolerable));
        }
    }
}

#[test]
fn exempt_peers_have_no_limits() {
    let (friend, stranger) = (id(), id());
    let limits = RateLimits {
        ip: per_second(3, 0),
        exempt: vec![friend],
        exempt_addresses: AddressFilter::new(
            |ip| matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 10),
        ),
        ..RateLimits::default()
    };
    assert!(limits.apply_to(&stranger, None) && limits.apply_to(&stranger, ip("11.0.0.1")));
    assert!(!limits.apply_to(&friend, ip("11.0.0.1")));
    assert!(!limits.apply_to(&stranger, ip("::ffff:10.9.9.9")));
    assert!(!RateLimits::default().apply_to(&stranger, None), "none by default");
}

#[test]
fn accounts_are_limited_and_those_of_quiet_senders_removed() {
    let limits = RateLimits { ip: per_second(1, 0), ..RateLimits::default() };
    let (limiter, id) = (RateLimiter::new(limits), id());
    let address = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
    let mut passed = 0;
    for number in 0..MAX_ACCOUNTS + 50 {
        let from = (&id, Some(address(number)));
        passed += passing(&limiter, millis(0), from, 1);
    }
    assert_eq!(
        (passed, lock(&limiter.accounts).ips.held.len()),
        (MAX_ACCOUNTS + 1, MAX_ACCOUNTS),
        "the others share one"
    );
    assert_eq!(passing(&limiter, millis(2000), (&id, ip("9.9.9.9")), 1), 1);
    assert_eq!(lock(&limiter.accounts).ips.held.len(), 1);
}

#[test]
fn new_limits_count_what_was_sent_under_the_old_ones() {
    let (limiter, id) = (RateLimiter::new(RateLimits::default()), id());
    let limits = |messages| RateLimits {
        peer: Rate { messages: NonZeroU32::new(messages), bytes: None },
        ..RateLimits::default()
    };
    assert_eq!(passing(&limiter, millis(0), (&id, None), 20), 20, "no limit");
    limiter.set(limits(5));
    assert_eq!(passing(&limiter, millis(0), (&id, None), 20), 5);
    limiter.set(limits(10));
    assert_eq!(passing(&limiter, millis(0), (&id, None), 20), 0, "the second is used up");
    assert_eq!(passing(&limiter, millis(1000), (&id, None), 20), 10);
    limiter.set(RateLimits::default());
    assert_eq!(passing(&limiter, millis(1000), (&id, None), 20), 20);
}

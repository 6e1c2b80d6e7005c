use p2p_identity::SecretKey;
use proptest::prelude::*;

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

/// How many of so many packets pass at one moment.
fn passing(
    limiter: &mut Limiter,
    now: Duration,
    limits: &RateLimits,
    from: (&NodeId, Option<IpAddr>),
    packets: usize,
) -> usize {
    let passes = |_: &usize| limiter.handle_packet(now, limits, from.0, from.1, 100).is_ok();
    (0..packets).filter(passes).count()
}

#[test]
fn a_second_of_packets_at_once_and_the_rest_as_time_goes_by() {
    let limits = RateLimits { peer: per_second(5, 0), ..RateLimits::default() };
    let (mut limiter, one, other) = (Limiter::default(), id(), id());
    assert_eq!(passing(&mut limiter, millis(0), &limits, (&one, None), 20), 5);
    assert_eq!(passing(&mut limiter, millis(0), &limits, (&other, None), 20), 5, "each its own");
    assert_eq!(passing(&mut limiter, millis(199), &limits, (&one, None), 20), 0);
    assert_eq!(passing(&mut limiter, millis(400), &limits, (&one, None), 20), 2);
    assert_eq!(passing(&mut limiter, millis(90_000), &limits, (&one, None), 20), 5);
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
        let mut limiter = Limiter::default();
        let counts =
            addresses.map(|at| passing(&mut limiter, millis(7), &limits, (&id(), ip(at)), 10));
        assert_eq!(counts.iter().sum::<usize>(), passes, "{addresses:?}");
    }
    let nowhere = passing(&mut Limiter::default(), millis(7), &limits, (&id(), None), 10);
    assert_eq!(nowhere, 10, "over a pipe there is no address");
}

#[test]
fn a_packet_beyond_a_seconds_bytes_passes_and_is_paid_for() {
    let limits = RateLimits { peer: per_second(0, 1000), ..RateLimits::default() };
    let (mut limiter, id) = (Limiter::default(), id());
    let mut passes =
        |now, bytes| limiter.handle_packet(millis(now), &limits, &id, None, bytes).is_ok();
    assert!(passes(0, 10_000));
    assert!(!passes(8_900, 1));
    assert!(passes(9_100, 1));
}

#[test]
fn the_tolerance_is_used_up_and_comes_back() {
    let limits = RateLimits { peer: per_second(1, 0), tolerance: Some(3), ..RateLimits::default() };
    let (mut limiter, id) = (Limiter::default(), id());
    let mut packet =
        |seconds| limiter.handle_packet(Duration::from_secs(seconds), &limits, &id, None, 1);
    assert_eq!(packet(0), Ok(()));
    let excess = |intolerable| Err(Excess { whose: Whose::Peer, intolerable });
    assert_eq!(
        [packet(0), packet(0), packet(0), packet(0)],
        [false, false, false, true].map(excess)
    );
    assert_eq!(packet(100), Ok(()), "whoever is not cut, or comes back, starts with all of it");
    assert_eq!(packet(100), excess(false));

    for (tolerance, intolerable) in [(Some(0), true), (None, false)] {
        let limits = RateLimits { tolerance, ..limits.clone() };
        let mut limiter = Limiter::default();
        let mut packet = || limiter.handle_packet(Duration::ZERO, &limits, &id, None, 1);
        assert_eq!(packet(), Ok(()));
        for _ in 0..200 {
            assert_eq!(packet(), excess(intolerable));
        }
    }
}

#[test]
fn the_exempt_have_no_limits() {
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
fn accounts_are_bounded_and_the_quiet_are_forgotten() {
    let limits = RateLimits { ip: per_second(1, 0), ..RateLimits::default() };
    let (mut limiter, id) = (Limiter::default(), id());
    let address = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
    let mut passed = 0;
    for number in 0..ACCOUNTS + 50 {
        let from = (&id, Some(address(number)));
        passed += passing(&mut limiter, millis(0), &limits, from, 1);
    }
    assert_eq!((passed, limiter.ips.held.len()), (ACCOUNTS + 1, ACCOUNTS), "the rest share one");
    assert_eq!(passing(&mut limiter, millis(2000), &limits, (&id, ip("9.9.9.9")), 1), 1);
    assert_eq!(limiter.ips.held.len(), 1);
}

proptest! {
    /// Whatever the limit and however the packets come, what is sent at this pace is never beyond the
    /// limit at the other end.
    #[test]
    fn whoever_keeps_the_pace_is_within_the_limit(
        most in 1_u32..2000,
        delays in prop::collection::vec(0_u64..3000, 1..200),
    ) {
        let limits = RateLimits { peer: per_second(most, 0), ..RateLimits::default() };
        let (mut limiter, mut pace, id) = (Limiter::default(), Pace::default(), id());
        pace.set(&Rates { per_ip: 0, per_peer: most.into(), per_topic: 1 });
        let mut now = Duration::ZERO;
        for delay in delays {
            now += Duration::from_micros(delay * 100);
            for _ in 0..10 {
                now += pace.wait(now);
                prop_assert_eq!(pace.wait(now), Duration::ZERO);
                pace.handle_sent(now);
                prop_assert_eq!(limiter.handle_packet(now, &limits, &id, None, 1), Ok(()));
            }
        }
    }
}

#[test]
fn the_pace_is_that_of_the_lowest_limit_and_debts_are_bounded() {
    let mut pace = Pace::default();
    pace.handle_sent(millis(0));
    assert_eq!(pace.wait(millis(0)), millis(0), "no limit");
    pace.set(&Rates { per_ip: 10, per_peer: 1, per_topic: 0 });
    for _ in 0..1000 {
        pace.handle_sent(millis(0));
    }
    assert!((millis(2000)..millis(3500)).contains(&pace.wait(millis(0))));
    pace.set(&Rates::default());
    assert_eq!(pace.wait(millis(0)), millis(0), "taken back");
}

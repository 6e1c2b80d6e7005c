//! The life of mappings on virtual time.

use std::{
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use crate::{
    Mapping, Mechanism, NatEvent, NatFailure, Transport,
    nat::{
        gateway::{Grant, Seen, Wish},
        settings::Terms,
        upkeep::{Step, Upkeep},
    },
};

const PORT: u16 = 30303;
const MINUTE: Duration = Duration::from_secs(60);

/// The machine and a clock.
struct Play {
    upkeep: Upkeep,
    start: Instant,
    now: Instant,
}

impl Play {
    fn new() -> Self {
        let now = Instant::now();
        let at = SocketAddrV4::new([0; 4].into(), PORT);
        let ports = [(Transport::Tcp, at), (Transport::Udp, at)];
        Self { upkeep: Upkeep::new(now, &Terms::default(), ports), start: now, now }
    }

    /// Behind a gateway with this address.
    fn behind(ip: &str) -> Self {
        let mut play = Self::new();
        assert_eq!(play.next(), Step::Find { last: None });
        play.upkeep.handle_found(play.now, Mechanism::NatPmp, seen(ip, 1000));
        play
    }

    /// The next thing to do; waits for it.
    fn next(&mut self) -> Step {
        loop {
            match self.upkeep.poll(self.now) {
                Step::Wait(until) => {
                    assert!(until > self.now, "a wait for nothing");
                    self.now = until;
                }
                step => return step,
            }
        }
    }

    /// The next mapping to ask for; until then the gateway is there and well.
    fn next_map(&mut self) -> (usize, Wish) {
        loop {
            match self.next() {
                Step::Map(number, wish) => return (number, wish),
                Step::Check => {
                    let passed = u32::try_from((self.now - self.start).as_secs()).unwrap();
                    let epoch = Some(1000 + passed);
                    self.upkeep.handle_seen(self.now, Seen { ip: None, epoch });
                }
                step => panic!("{step:?}"),
            }
        }
    }

    /// Grants what is asked for next, for so many seconds. What, and when.
    fn grant(&mut self, seconds: Option<u64>) -> (Transport, u64) {
        let (number, wish) = self.next_map();
        let lifetime = seconds.map(Duration::from_secs);
        let grant = Grant { external: wish.external, lifetime, seen: Seen::default() };
        self.upkeep.handle_granted(self.now, number, grant);
        (wish.transport, (self.now - self.start).as_secs())
    }

    fn events(&mut self) -> Vec<NatEvent> {
        std::iter::from_fn(|| self.upkeep.poll_event()).collect()
    }
}

fn seen(ip: &str, epoch: u32) -> Seen {
    Seen { ip: Some(ip.parse().unwrap()), epoch: Some(epoch) }
}

fn mapping(transport: Transport, external: u16, seconds: u64) -> Mapping {
    let lifetime = Some(Duration::from_secs(seconds));
    Mapping { transport, internal: PORT, external, by: Mechanism::NatPmp, lifetime }
}

#[test]
fn both_ports_are_mapped_and_refreshed_after_half_of_what_was_granted() {
    let mut play = Play::behind("203.0.113.7");
    let granted = [1200, 600, 1200, 600, 600].map(|seconds| play.grant(Some(seconds)));
    let (tcp, udp) = (Transport::Tcp, Transport::Udp);
    assert_eq!(granted, [(tcp, 0), (udp, 0), (udp, 300), (tcp, 600), (tcp, 900)]);
    let stats = *play.upkeep.stats();
    assert_eq!((stats.mapped, stats.refreshed, stats.lost, stats.reboots), (2, 3, 0, 0));
    let ip = "203.0.113.7".parse().unwrap();
    let events = [
        NatEvent::Address { ip, announced: true },
        NatEvent::Mapped(mapping(tcp, PORT, 1200)),
        NatEvent::Mapped(mapping(udp, PORT, 600)),
    ];
    assert_eq!(play.events(), events, "to refresh is no news");
}

#[test]
fn what_is_granted_for_a_moment_or_for_ever_is_refreshed_at_sane_times() {
    let forever = u64::from(u32::MAX);
    for (granted, refreshed) in
        [(Some(1), 1), (Some(7200), 1200), (Some(forever), 1200), (None, 600)]
    {
        let mut play = Play::behind("203.0.113.7");
        play.upkeep.handle_failed(play.now, 1, NatFailure::NoRoom, 1.0);
        assert_eq!(play.grant(granted), (Transport::Tcp, 0));
        let again = loop {
            match play.next_map() {
                (0, _) => break (play.now - play.start).as_secs(),
                (other, _) => {
                    play.upkeep.handle_failed(play.now, other, NatFailure::NoRoom, 1.0);
                    // Else the gateway would be looked for anew.
                    play.upkeep.handle_seen(play.now, Seen::default());
                }
            }
        };
        assert_eq!(again, refreshed, "{granted:?}");
        assert_eq!(play.upkeep.stats().lost, 0, "{granted:?}");
    }
}

#[test]
fn another_port_than_the_one_asked_for_is_honoured_and_asked_for_again() {
    let mut play = Play::behind("203.0.113.7");
    let (number, wish) = play.next_map();
    assert_eq!((number, wish.external), (0, PORT));
    let grant = |external| Grant { external, lifetime: Some(20 * MINUTE), seen: Seen::default() };
    play.upkeep.handle_granted(play.now, 0, grant(40404));
    let external = play.upkeep.external();
    assert_eq!(external.ip, Some("203.0.113.7".parse().unwrap()));
    assert_eq!(external.port(Transport::Tcp, PORT), 40404);
    assert_eq!(external.port(Transport::Udp, PORT), PORT, "not mapped yet");
    play.grant(Some(1200));
    play.events();
    let (number, wish) = play.next_map();
    assert_eq!((number, wish.external), (0, 40404));
    play.upkeep.handle_granted(play.now, 0, grant(50505));
    assert_eq!(play.events(), [NatEvent::Mapped(mapping(Transport::Tcp, 50505, 1200))]);
    assert_eq!(play.upkeep.external().port(Transport::Tcp, PORT), 50505);
}

#[test]
fn a_gateway_that_started_anew_is_asked_for_everything_at_once() {
    let mut play = Play::behind("203.0.113.7");
    play.grant(Some(1200));
    play.grant(Some(1200));
    assert_eq!(play.next(), Step::Check);
    play.upkeep.handle_seen(play.now, seen("203.0.113.7", 3));
    assert_eq!(play.upkeep.stats().reboots, 1);
    let again = play.now;
    for number in [0, 1] {
        let (asked, wish) = match play.next() {
            Step::Map(asked, wish) => (asked, wish),
            step => panic!("{step:?}"),
        };
        assert_eq!((asked, play.now), (number, again));
        let seen = Seen { ip: None, epoch: Some(4) };
        let lifetime = Some(20 * MINUTE);
        let grant = Grant { external: wish.external, lifetime, seen };
        play.upkeep.handle_granted(play.now, number, grant);
    }
    assert!(matches!(play.upkeep.poll(play.now), Step::Wait(_)), "once");

    // Or it shows in the answer to a refresh: then the other port is lost as well.
    play.now += 10 * MINUTE;
    let (number, wish) = match play.next() {
        Step::Map(number, wish) => (number, wish),
        step => panic!("{step:?}"),
    };
    let anew = Seen { ip: None, epoch: Some(0) };
    let grant = Grant { external: wish.external, lifetime: Some(20 * MINUTE), seen: anew };
    play.upkeep.handle_granted(play.now, number, grant);
    assert_eq!(play.upkeep.stats().reboots, 2);
    assert!(matches!(play.upkeep.poll(play.now), Step::Map(1, _)));
}

#[test]
fn another_address_is_told_and_a_private_one_is_not_for_others() {
    let mut play = Play::behind("203.0.113.7");
    assert_eq!(play.upkeep.external().ip, None, "nothing is mapped");
    play.grant(Some(1200));
    play.grant(Some(1200));
    play.events();
    for (ip, announced) in [("203.0.113.8", true), ("192.168.1.2", false), ("100.64.0.9", false)] {
        assert_eq!(play.next(), Step::Check);
        let passed = u32::try_from((play.now - play.start).as_secs()).unwrap();
        play.upkeep.handle_seen(play.now, seen(ip, 1000 + passed));
        let ip = ip.parse().unwrap();
        assert_eq!(play.events(), [NatEvent::Address { ip, announced }]);
        let external = play.upkeep.external();
        assert_eq!(external.ip, Some(ip).filter(|_| announced));
        assert_eq!(external.ports.len(), if announced { 2 } else { 0 });
    }
    assert_eq!(play.upkeep.stats().addresses, 4);
}

#[test]
fn a_gateway_that_falls_silent_is_looked_for_and_its_mappings_hold_until_they_lapse() {
    let mut play = Play::behind("203.0.113.7");
    play.grant(Some(1200));
    play.grant(Some(1200));
    play.events();
    let mut silent = 0;
    let last = loop {
        match play.next() {
            Step::Check => play.upkeep.handle_unseen(play.now, NatFailure::Silent, 1.0),
            Step::Find { last } => break last,
            step => panic!("{step:?}"),
        }
        silent += 1;
    };
    assert_eq!((silent, last), (3, None));
    assert!(play.upkeep.external().ip.is_some());
    // It is not found before they lapse.
    let mut searches = Vec::new();
    while play.upkeep.stats().lost < 2 {
        play.upkeep.handle_not_found(play.now, NatFailure::NotFound, 1.0);
        let before = play.now;
        assert_eq!(play.next(), Step::Find { last: None });
        searches.push((play.now - before).as_secs());
    }
    assert_eq!(searches[..7], [15, 30, 60, 120, 240, 480, 600]);
    assert_eq!(play.upkeep.external().ip, None);
    let lost = play.events().into_iter().filter(|event| matches!(event, NatEvent::Lost(_)));
    assert_eq!(lost.count(), 2);
    // Once it is there again, everything is asked for at once, and the waits are short again.
    play.upkeep.handle_found(play.now, Mechanism::NatPmp, seen("203.0.113.9", 5));
    let found = (play.now - play.start).as_secs();
    assert_eq!([play.grant(Some(1200)), play.grant(Some(1200))].map(|(_, at)| at), [found; 2]);
    assert_eq!(play.upkeep.external().ip, Some("203.0.113.9".parse().unwrap()));
}

#[test]
fn a_gateway_that_refuses_is_asked_ever_less_often_and_spoken_to_in_another_way() {
    let mut play = Play::behind("203.0.113.7");
    let mut refused = 0;
    while play.now - play.start < 60 * MINUTE {
        match play.next() {
            Step::Map(number, _) => {
                refused += 1;
                play.upkeep.handle_failed(play.now, number, NatFailure::NotAuthorized, 1.0);
            }
            Step::Check => play.upkeep.handle_unseen(play.now, NatFailure::NotAuthorized, 1.0),
            Step::Find { last } => {
                assert_eq!(last, Some(Mechanism::NatPmp));
                play.upkeep.handle_found(play.now, Mechanism::NatPmp, Seen::default());
            }
            Step::Wait(_) => unreachable!("waited for"),
        }
    }
    assert!((4..40).contains(&refused), "{refused} requests in an hour");
    while !matches!(play.next(), Step::Find { .. }) {
        play.upkeep.handle_unseen(play.now, NatFailure::NotAuthorized, 1.0);
    }
    // The other way is tried at once.
    play.upkeep.handle_found(play.now, Mechanism::Upnp, Seen::default());
    assert!(matches!(play.upkeep.poll(play.now), Step::Map(0, _)));
}

#[test]
fn a_machine_in_the_open_tells_its_address_and_looks_again() {
    let mut play = Play::new();
    assert_eq!(play.next(), Step::Find { last: None });
    let ip = "203.0.113.7".parse().unwrap();
    play.upkeep.handle_public(play.now, ip);
    let external = play.upkeep.external();
    assert_eq!((external.ip, external.ports.len()), (Some(ip), 0));
    assert!(play.upkeep.granted().is_empty());
    assert_eq!(play.next(), Step::Find { last: None });
    assert_eq!(play.now - play.start, 2 * MINUTE);
    // It has moved.
    play.upkeep.handle_not_found(play.now, NatFailure::NotFound, 1.0);
    assert_eq!(play.upkeep.external().ip, None);
}

#[test]
fn whatever_comes_the_machine_asks_for_one_thing_at_a_time_and_never_in_a_loop() {
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    for seed in 0..200 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut play = Play::new();
        let failures = [NatFailure::Silent, NatFailure::NoRoom, NatFailure::Malformed];
        for _ in 0..500 {
            let step = play.next();
            play.now += Duration::from_millis(rng.random_range(0..9000));
            let now = play.now;
            let failure = failures[rng.random_range(0..3)];
            let seen = Seen { ip: Some(rng.random::<[u8; 4]>().into()), epoch: Some(rng.random()) };
            match (step, rng.random_range(0..3)) {
                (Step::Find { .. }, 0) => play.upkeep.handle_not_found(now, failure, rng.random()),
                (Step::Find { .. }, _) => play.upkeep.handle_found(now, Mechanism::Pcp, seen),
                (Step::Check, 0) => play.upkeep.handle_unseen(now, failure, rng.random()),
                (Step::Check, _) => play.upkeep.handle_seen(now, seen),
                (Step::Map(number, _), 0) => {
                    play.upkeep.handle_failed(now, number, failure, rng.random());
                }
                (Step::Map(number, _), _) => {
                    let lifetime = rng
                        .random_bool(0.9)
                        .then(|| Duration::from_secs(rng.random::<u32>().into()));
                    let grant = Grant { external: rng.random(), lifetime, seen };
                    play.upkeep.handle_granted(now, number, grant);
                }
                (Step::Wait(_), _) => unreachable!("waited for"),
            }
            play.events();
        }
        let passed = play.now - play.start;
        assert!(passed > Duration::from_secs(500), "seed {seed}: 500 steps in {passed:?}");
    }
}

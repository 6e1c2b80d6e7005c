//! Mappings on virtual time.

use std::{
    net::SocketAddrV4,
    time::{Duration, Instant},
};

use crate::{
    Mapping, MappingError, Mechanism, NatEvent, Transport,
    nat::{
        gateway::{GatewayStatus, GrantedMapping, MappingRequest},
        settings::GatewaySettings,
        upkeep::{Upkeep, UpkeepStep},
    },
};

const PORT: u16 = 30303;
const MINUTE: Duration = Duration::from_secs(60);

/// The state machine and its clock.
struct Scenario {
    upkeep: Upkeep,
    start: Instant,
    now: Instant,
}

impl Scenario {
    fn new() -> Self {
        let now = Instant::now();
        let at = SocketAddrV4::new([0; 4].into(), PORT);
        let ports = [(Transport::Tcp, at), (Transport::Udp, at)];
        Self { upkeep: Upkeep::new(now, &GatewaySettings::default(), ports), start: now, now }
    }

    /// Behind a gateway with this address.
    fn behind(ip: &str) -> Self {
        let mut scenario = Self::new();
        assert_eq!(scenario.next(), UpkeepStep::Find { avoid: None });
        scenario.upkeep.handle_found(scenario.now, Mechanism::NatPmp, seen(ip, 1000));
        scenario
    }

    /// The next step other than waiting; the clock advances to it.
    fn next(&mut self) -> UpkeepStep {
        loop {
            match self.upkeep.poll(self.now) {
                UpkeepStep::Wait(until) => {
                    assert!(until > self.now, "a wait must end later");
                    self.now = until;
                }
                step => return step,
            }
        }
    }

    /// The next mapping request; checks before it are answered.
    fn next_map(&mut self) -> (usize, MappingRequest) {
        loop {
            match self.next() {
                UpkeepStep::Map(number, wanted) => return (number, wanted),
                UpkeepStep::Check => {
                    let passed = u32::try_from((self.now - self.start).as_secs()).unwrap();
                    let epoch = Some(1000 + passed);
                    self.upkeep.handle_seen(self.now, GatewayStatus { ip: None, epoch });
                }
                step => panic!("{step:?}"),
            }
        }
    }

    /// Grants the next mapping request with this lifetime. Returns the transport and the time in seconds.
    fn grant(&mut self, seconds: Option<u64>) -> (Transport, u64) {
        let (number, wanted) = self.next_map();
        let lifetime = seconds.map(Duration::from_secs);
        let grant = GrantedMapping {
            external: wanted.external,
            lifetime,
            status: GatewayStatus::default(),
        };
        self.upkeep.handle_granted(self.now, number, grant);
        (wanted.transport, (self.now - self.start).as_secs())
    }

    fn events(&mut self) -> Vec<NatEvent> {
        std::iter::from_fn(|| self.upkeep.poll_event()).collect()
    }
}

fn seen(ip: &str, epoch: u32) -> GatewayStatus {
    GatewayStatus { ip: Some(ip.parse().unwrap()), epoch: Some(epoch) }
}

fn mapping(transport: Transport, external: u16, seconds: u64) -> Mapping {
    let lifetime = Some(Duration::from_secs(seconds));
    Mapping { transport, internal: PORT, external, by: Mechanism::NatPmp, lifetime }
}

#[test]
fn both_ports_are_mapped_and_renewed_after_half_of_the_lifetime() {
    let mut scenario = Scenario::behind("203.0.113.7");
    let granted = [1200, 600, 1200, 600, 600].map(|seconds| scenario.grant(Some(seconds)));
    let (tcp, udp) = (Transport::Tcp, Transport::Udp);
    assert_eq!(granted, [(tcp, 0), (udp, 0), (udp, 300), (tcp, 600), (tcp, 900)]);
    let stats = *scenario.upkeep.stats();
    assert_eq!((stats.mapped, stats.refreshed, stats.lost, stats.reboots), (2, 3, 0, 0));
    let ip = "203.0.113.7".parse().unwrap();
    let events = [
        NatEvent::Address { ip, announced: true },
        NatEvent::Mapped(mapping(tcp, PORT, 1200)),
        NatEvent::Mapped(mapping(udp, PORT, 600)),
    ];
    assert_eq!(scenario.events(), events, "a renewal is not reported");
}

#[test]
fn very_short_and_unlimited_lifetimes_are_renewed_at_sane_times() {
    let forever = u64::from(u32::MAX);
    for (granted, refreshed) in
        [(Some(1), 1), (Some(7200), 1200), (Some(forever), 1200), (None, 600)]
    {
        let mut scenario = Scenario::behind("203.0.113.7");
        scenario.upkeep.handle_failed(scenario.now, 1, MappingError::NoRoom, 1.0);
        assert_eq!(scenario.grant(granted), (Transport::Tcp, 0));
        let again = loop {
            match scenario.next_map() {
                (0, _) => break (scenario.now - scenario.start).as_secs(),
                (other, _) => {
                    scenario.upkeep.handle_failed(scenario.now, other, MappingError::NoRoom, 1.0);
                    // Otherwise the gateway would be searched for again.
                    scenario.upkeep.handle_seen(scenario.now, GatewayStatus::default());
                }
            }
        };
        assert_eq!(again, refreshed, "{granted:?}");
        assert_eq!(scenario.upkeep.stats().lost, 0, "{granted:?}");
    }
}

#[test]
fn another_port_than_the_wanted_one_is_kept_and_asked_for_again() {
    let mut scenario = Scenario::behind("203.0.113.7");
    let (number, wanted) = scenario.next_map();
    assert_eq!((number, wanted.external), (0, PORT));
    let grant = |external| GrantedMapping {
        external,
        lifetime: Some(20 * MINUTE),
        status: GatewayStatus::default(),
    };
    scenario.upkeep.handle_granted(scenario.now, 0, grant(40404));
    let external = scenario.upkeep.external();
    assert_eq!(external.ip, Some("203.0.113.7".parse().unwrap()));
    assert_eq!(external.port(Transport::Tcp, PORT), 40404);
    assert_eq!(external.port(Transport::Udp, PORT), PORT, "not mapped yet");
    scenario.grant(Some(1200));
    scenario.events();
    let (number, wanted) = scenario.next_map();
    assert_eq!((number, wanted.external), (0, 40404));
    scenario.upkeep.handle_granted(scenario.now, 0, grant(50505));
    assert_eq!(scenario.events(), [NatEvent::Mapped(mapping(Transport::Tcp, 50505, 1200))]);
    assert_eq!(scenario.upkeep.external().port(Transport::Tcp, PORT), 50505);
}

#[test]
fn a_restarted_gateway_is_asked_for_all_mappings_at_once() {
    let mut scenario = Scenario::behind("203.0.113.7");
    scenario.grant(Some(1200));
    scenario.grant(Some(1200));
    assert_eq!(scenario.next(), UpkeepStep::Check);
    scenario.upkeep.handle_seen(scenario.now, seen("203.0.113.7", 3));
    assert_eq!(scenario.upkeep.stats().reboots, 1);
    let again = scenario.now;
    for number in [0, 1] {
        let (asked, wanted) = match scenario.next() {
            UpkeepStep::Map(asked, wanted) => (asked, wanted),
            step => panic!("{step:?}"),
        };
        assert_eq!((asked, scenario.now), (number, again));
        let status = GatewayStatus { ip: None, epoch: Some(4) };
        let lifetime = Some(20 * MINUTE);
        let grant = GrantedMapping { external: wanted.external, lifetime, status };
        scenario.upkeep.handle_granted(scenario.now, number, grant);
    }
    assert!(matches!(scenario.upkeep.poll(scenario.now), UpkeepStep::Wait(_)), "once");

    // The restart shows in the answer to a renewal: the other mapping is lost as well.
    scenario.now += 10 * MINUTE;
    let (number, wanted) = match scenario.next() {
        UpkeepStep::Map(number, wanted) => (number, wanted),
        step => panic!("{step:?}"),
    };
    let restarted = GatewayStatus { ip: None, epoch: Some(0) };
    let grant = GrantedMapping {
        external: wanted.external,
        lifetime: Some(20 * MINUTE),
        status: restarted,
    };
    scenario.upkeep.handle_granted(scenario.now, number, grant);
    assert_eq!(scenario.upkeep.stats().reboots, 2);
    assert!(matches!(scenario.upkeep.poll(scenario.now), UpkeepStep::Map(1, _)));
}

#[test]
fn a_new_address_is_reported_and_a_private_one_is_not_announced() {
    let mut scenario = Scenario::behind("203.0.113.7");
    assert_eq!(scenario.upkeep.external().ip, None, "nothing is mapped");
    scenario.grant(Some(1200));
    scenario.grant(Some(1200));
    scenario.events();
    for (ip, announced) in [("203.0.113.8", true), ("192.168.1.2", false), ("100.64.0.9", false)] {
        assert_eq!(scenario.next(), UpkeepStep::Check);
        let passed = u32::try_from((scenario.now - scenario.start).as_secs()).unwrap();
        scenario.upkeep.handle_seen(scenario.now, seen(ip, 1000 + passed));
        let ip = ip.parse().unwrap();
        assert_eq!(scenario.events(), [NatEvent::Address { ip, announced }]);
        let external = scenario.upkeep.external();
        assert_eq!(external.ip, Some(ip).filter(|_| announced));
        assert_eq!(external.ports.len(), if announced { 2 } else { 0 });
    }
    assert_eq!(scenario.upkeep.stats().addresses, 4);
}

#[test]
fn a_silent_gateway_is_searched_for_and_its_mappings_stay_until_they_expire() {
    let mut scenario = Scenario::behind("203.0.113.7");
    scenario.grant(Some(1200));
    scenario.grant(Some(1200));
    scenario.events();
    let mut silent = 0;
    let avoid = loop {
        match scenario.next() {
            UpkeepStep::Check => {
                scenario.upkeep.handle_unseen(scenario.now, MappingError::Silent, 1.0);
            }
            UpkeepStep::Find { avoid } => break avoid,
            step => panic!("{step:?}"),
        }
        silent += 1;
    };
    assert_eq!((silent, avoid), (3, None));
    assert!(scenario.upkeep.external().ip.is_some());
    // It is not found before they expire.
    let mut searches = Vec::new();
    while scenario.upkeep.stats().lost < 2 {
        scenario.upkeep.handle_not_found(scenario.now, MappingError::NotFound, 1.0);
        let before = scenario.now;
        assert_eq!(scenario.next(), UpkeepStep::Find { avoid: None });
        searches.push((scenario.now - before).as_secs());
    }
    assert_eq!(searches[..7], [15, 30, 60, 120, 240, 480, 600]);
    assert_eq!(scenario.upkeep.external().ip, None);
    let lost = scenario.events().into_iter().filter(|event| matches!(event, NatEvent::Lost(_)));
    assert_eq!(lost.count(), 2);
    // Once it is found again, all mappings are asked for at once, and the delays are short again.
    scenario.upkeep.handle_found(scenario.now, Mechanism::NatPmp, seen("203.0.113.9", 5));
    let found = (scenario.now - scenario.start).as_secs();
    assert_eq!(
        [scenario.grant(Some(1200)), scenario.grant(Some(1200))].map(|(_, at)| at),
        [found; 2]
    );
    assert_eq!(scenario.upkeep.external().ip, Some("203.0.113.9".parse().unwrap()));
}

#[test]
fn a_refusing_gateway_is_asked_less_and_less_often_and_another_mechanism_is_tried() {
    let mut scenario = Scenario::behind("203.0.113.7");
    let mut refused = 0;
    while scenario.now - scenario.start < 60 * MINUTE {
        match scenario.next() {
            UpkeepStep::Map(number, _) => {
                refused += 1;
                scenario.upkeep.handle_failed(
                    scenario.now,
                    number,
                    MappingError::NotAuthorized,
                    1.0,
                );
            }
            UpkeepStep::Check => {
                scenario.upkeep.handle_unseen(scenario.now, MappingError::NotAuthorized, 1.0);
            }
            UpkeepStep::Find { avoid } => {
                assert_eq!(avoid, Some(Mechanism::NatPmp));
                scenario.upkeep.handle_found(
                    scenario.now,
                    Mechanism::NatPmp,
                    GatewayStatus::default(),
                );
            }
            UpkeepStep::Wait(_) => unreachable!("next() waits"),
        }
    }
    assert!((4..40).contains(&refused), "{refused} requests in an hour");
    while !matches!(scenario.next(), UpkeepStep::Find { .. }) {
        scenario.upkeep.handle_unseen(scenario.now, MappingError::NotAuthorized, 1.0);
    }
    // Another mechanism is tried at once.
    scenario.upkeep.handle_found(scenario.now, Mechanism::Upnp, GatewayStatus::default());
    assert!(matches!(scenario.upkeep.poll(scenario.now), UpkeepStep::Map(0, _)));
}

#[test]
fn a_public_machine_announces_its_address_and_checks_again() {
    let mut scenario = Scenario::new();
    assert_eq!(scenario.next(), UpkeepStep::Find { avoid: None });
    let ip = "203.0.113.7".parse().unwrap();
    scenario.upkeep.handle_public(scenario.now, ip);
    let external = scenario.upkeep.external();
    assert_eq!((external.ip, external.ports.len()), (Some(ip), 0));
    assert!(scenario.upkeep.granted().is_empty());
    assert_eq!(scenario.next(), UpkeepStep::Find { avoid: None });
    assert_eq!(scenario.now - scenario.start, 2 * MINUTE);
    // The machine has moved.
    scenario.upkeep.handle_not_found(scenario.now, MappingError::NotFound, 1.0);
    assert_eq!(scenario.upkeep.external().ip, None);
}

#[test]
fn random_outcomes_never_lead_to_a_busy_loop() {
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    for seed in 0..200 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut scenario = Scenario::new();
        let failures = [MappingError::Silent, MappingError::NoRoom, MappingError::Malformed];
        for _ in 0..500 {
            let step = scenario.next();
            scenario.now += Duration::from_millis(rng.random_range(0..9000));
            let now = scenario.now;
            let failure = failures[rng.random_range(0..3)];
            let status = GatewayStatus {
                ip: Some(rng.random::<[u8; 4]>().into()),
                epoch: Some(rng.random()),
            };
            match (step, rng.random_range(0..3)) {
                (UpkeepStep::Find { .. }, 0) => {
                    scenario.upkeep.handle_not_found(now, failure, rng.random());
                }
                (UpkeepStep::Find { .. }, _) => {
                    scenario.upkeep.handle_found(now, Mechanism::Pcp, status);
                }
                (UpkeepStep::Check, 0) => scenario.upkeep.handle_unseen(now, failure, rng.random()),
                (UpkeepStep::Check, _) => scenario.upkeep.handle_seen(now, status),
                (UpkeepStep::Map(number, _), 0) => {
                    scenario.upkeep.handle_failed(now, number, failure, rng.random());
                }
                (UpkeepStep::Map(number, _), _) => {
                    let lifetime = rng
                        .random_bool(0.9)
                        .then(|| Duration::from_secs(rng.random::<u32>().into()));
                    let grant = GrantedMapping { external: rng.random(), lifetime, status };
                    scenario.upkeep.handle_granted(now, number, grant);
                }
                (UpkeepStep::Wait(_), _) => unreachable!("next() waits"),
            }
            scenario.events();
        }
        let passed = scenario.now - scenario.start;
        assert!(passed > Duration::from_secs(500), "seed {seed}: 500 steps in {passed:?}");
    }
}

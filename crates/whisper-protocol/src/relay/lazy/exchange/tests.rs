use p2p_identity::NodeId;
use p2p_world::HashState;
use whisper_envelope::{Bloom, Dialect, Topic};
use whisper_pow::Work;

use super::*;
use crate::{
    config::{Config, PeerSettings},
    peers::peer_rule::PeerRuleState,
    relay::Transmit,
    relay::admission::EnvelopeOutcome,
    relay::peer_state::skip_reason::SkipReason,
    relay::testing::{
        NOW, eager, envelope, envelope_about, envelope_of_size, envelope_until, proven,
    },
    relay::unsent_reason::UnsentReason,
    wire::V6,
    wire::status::Status,
};

const MS: Duration = Duration::from_millis(1);

/// Peers of the relay: enough that not everything is pushed.
const PEERS: usize = 7;

/// The longest time for which an announcement waits.
const WAITED: Duration = Duration::from_millis(40);

/// A relay with [`PEERS`] peers. All of them have `lazy/1`.
struct Crowd {
    relay: Relay,
    slots: Vec<PeerSlot>,
}

fn salt(peer: usize) -> Salt {
    Salt([u8::try_from(peer).unwrap(); 16])
}

impl Crowd {
    fn new() -> Self {
        let peers = PeerSettings { lazy: true, ..PeerSettings::default() };
        let config = Config { min_work: Work::ZERO, peers, ..Config::default() };
        let relay = Relay::new(Dialect::V6, &config, HashState::default());
        let mut crowd = Self { relay, slots: Vec::new() };
        (0..PEERS).for_each(|_| crowd.join(eager()));
        crowd
    }

    fn join(&mut self, theirs: Status) {
        let told = self.relay.status();
        let slot = self.relay.join(NodeId([0; 64]), theirs, told, PeerRuleState::ANY);
        self.relay.exchange().start_lazy(slot, salt(self.slots.len()), Default::default()).unwrap();
        self.slots.push(slot);
        self.sent(self.slots.len() - 1);
    }

    fn admit(&self, from: Option<usize>, envelope: &Envelope) -> EnvelopeOutcome {
        let from = from.map(|peer| self.slots[peer]);
        self.relay.admit(NOW, Duration::ZERO, from, &[(envelope, proven(1.0))]).0[0]
    }

    /// The nonces of what a peer is sent now.
    fn sent(&self, peer: usize) -> Vec<u64> {
        let mut sent = Vec::new();
        loop {
            match self.relay.poll_transmit(NOW, self.slots[peer], 0).0 {
                Transmit::Envelopes(bundle) => {
                    for packet in bundle.packets(&V6) {
                        let envelopes = (V6.envelopes)(packet).unwrap();
                        sent.extend(envelopes.map(|it| it.unwrap().into_envelope().nonce()));
                    }
                }
                Transmit::Again => {}
                Transmit::Idle => return sent,
                other => panic!("{other:?}"),
            }
        }
    }

    /// What a peer is told over `lazy/1` now, and when announcements have waited.
    fn told(&self, uptime: Duration, peer: usize) -> Vec<LazyMessage> {
        self.sent(peer);
        let poll_at = |uptime| {
            std::iter::from_fn(move || self.relay.exchange().poll_lazy(uptime, self.slots[peer]).0)
        };
        let told = poll_at(uptime).chain(poll_at(uptime + WAITED));
        told.filter(|it| !matches!(it, LazyMessage::Push(_))).collect()
    }

    fn want(&self, peer: usize, envelopes: &[&Envelope]) {
        let ids: Vec<_> = envelopes.iter().map(|it| salt(peer).id(it.hash())).collect();
        self.relay.exchange().handle_want(MS, self.slots[peer], &ids);
    }

    /// A peer announces an envelope.
    fn have(&self, peer: usize, envelope: &Envelope) {
        let id = self.relay.exchange().lazy_salt().unwrap().id(envelope.hash());
        self.relay.exchange().handle_have(self.slots[peer], &[Announced { class: 0, id }]);
    }

    fn skipped(&self, peer: usize, envelope: &Envelope) -> Option<SkipReason> {
        self.relay.trace(envelope.hash(), &[]).unwrap().peers[peer].skipped
    }
}

/// What announces an envelope to a peer.
fn announces(peer: usize, envelope: &Envelope) -> LazyMessage {
    let class = crate::relay::lazy::wire::class_of(envelope.raw().len());
    LazyMessage::Have(vec![Announced { class, id: salt(peer).id(envelope.hash()) }])
}

fn asks(crowd: &Crowd, envelope: &Envelope) -> LazyMessage {
    LazyMessage::Want(vec![crowd.relay.exchange().lazy_salt().unwrap().id(envelope.hash())])
}

#[test]
fn an_envelope_is_announced_and_sent_to_those_that_ask_for_it() {
    let (crowd, it) = (Crowd::new(), envelope(1));
    crowd.admit(Some(0), &it);
    assert_eq!(crowd.sent(1), [0; 0]);
    let wakes = crowd.relay.exchange().take_lazy_wakes();
    assert!(wakes.contains(&crowd.slots[1]), "{wakes:?}");
    assert_eq!(crowd.told(MS, 1), [announces(1, &it)]);
    assert_eq!(crowd.told(MS, 0), [], "it has sent it");
    assert_eq!(crowd.skipped(1, &it), Some(SkipReason::Announced));
    let _ = crowd.relay.take_wakes();
    crowd.want(1, &[&it]);
    assert_eq!(crowd.skipped(1, &it), Some(SkipReason::Asked));
    assert_eq!(crowd.relay.take_wakes(), [crowd.slots[1]]);
    assert_eq!(crowd.sent(1), [1]);
    assert_eq!(crowd.skipped(1, &it), None);
    crowd.want(2, &[&it]);
    assert_eq!(crowd.sent(2), [0; 0], "it was not told yet");
    assert_eq!(crowd.relay.stats().announced, 1);
}

#[test]
fn announcements_that_cross_send_nothing() {
    let (crowd, it) = (Crowd::new(), envelope(1));
    crowd.admit(Some(0), &it);
    assert_eq!(crowd.told(MS, 1), [announces(1, &it)]);
    crowd.have(1, &it);
    crowd.have(2, &it);
    assert_eq!((crowd.told(MS, 1), crowd.told(MS, 2)), (vec![], vec![]));
    assert_eq!(crowd.skipped(2, &it), None, "it has it");
    assert!(crowd.relay.trace(it.hash(), &[]).unwrap().peers[2].received);
}

#[test]
fn what_peers_announced_before_it_came_is_not_announced_to_them() {
    let (crowd, it) = (Crowd::new(), envelope(1));
    crowd.have(1, &it);
    crowd.have(2, &it);
    assert_eq!(crowd.told(MS, 1), [asks(&crowd, &it)]);
    assert_eq!(crowd.told(MS, 2), []);
    assert_eq!(crowd.admit(Some(1), &it), EnvelopeOutcome::New);
    assert_eq!((crowd.told(MS, 1), crowd.told(MS, 2)), (vec![], vec![]));
    assert_eq!(crowd.told(MS, 3), [announces(3, &it)]);
}

#[test]
fn what_is_new_is_pushed_to_those_that_asked_for_that() {
    let crowd = Crowd::new();
    crowd.relay.exchange().handle_push(crowd.slots[1], 1000);
    crowd.admit(Some(0), &envelope(1));
    assert_eq!((crowd.sent(1), crowd.sent(2)), (vec![1], vec![]));
    // Another peer has it already.
    crowd.have(3, &envelope(2));
    crowd.admit(Some(0), &envelope(2));
    assert_eq!(crowd.sent(1), [0; 0]);
    // It is too large.
    crowd.admit(Some(0), &envelope_of_size(1000, 3));
    assert_eq!(crowd.sent(1), [0; 0]);
    // What was posted here is pushed to all.
    crowd.admit(None, &envelope(4));
    assert_eq!((crowd.sent(1), crowd.sent(2)), (vec![4], vec![4]));
}

#[test]
fn the_next_announcer_is_asked_when_one_does_not_deliver() {
    let (crowd, it) = (Crowd::new(), envelope(1));
    crowd.have(1, &it);
    crowd.have(2, &it);
    assert_eq!(crowd.told(MS, 1), [asks(&crowd, &it)]);
    let (None, Some(timeout)) = crowd.relay.exchange().poll_lazy(MS, crowd.slots[1]) else {
        panic!("none")
    };
    let _ = crowd.relay.exchange().take_lazy_wakes();
    assert_eq!(crowd.relay.exchange().poll_lazy(timeout, crowd.slots[1]), (None, None));
    assert_eq!(crowd.relay.exchange().take_lazy_wakes(), [crowd.slots[2]]);
    assert_eq!(crowd.told(timeout, 2), [asks(&crowd, &it)]);
    assert_eq!((crowd.relay.stats().asked, crowd.relay.stats().unanswered), (2, 1));
}

#[test]
fn what_was_only_announced_is_sent_when_lazy_ends() {
    let (crowd, it) = (Crowd::new(), envelope(1));
    crowd.admit(Some(0), &it);
    assert_eq!(crowd.told(MS, 1), [announces(1, &it)]);
    crowd.relay.exchange().stop_lazy(crowd.slots[1], 99);
    assert_eq!(crowd.sent(1), [0; 0], "that is not its session");
    crowd.relay.exchange().stop_lazy(crowd.slots[1], 1);
    assert_eq!(crowd.sent(1), [1]);
    assert_eq!(crowd.relay.exchange().poll_lazy(MS, crowd.slots[1]), (None, None));
    crowd.admit(Some(0), &envelope(2));
    assert_eq!(crowd.sent(1), [2]);
}

#[test]
fn everything_is_announced_again_that_the_peer_may_not_have() {
    let (crowd, it) = (Crowd::new(), envelope(1));
    crowd.admit(Some(0), &it);
    crowd.admit(Some(1), &envelope(2));
    assert_eq!(crowd.told(MS, 1), [announces(1, &it)]);
    crowd.relay.exchange().handle_again(crowd.slots[1]);
    assert_eq!(crowd.told(MS, 1), [announces(1, &it)]);
    assert_eq!(crowd.told(MS, 1), []);
}

#[test]
fn a_new_peer_is_told_what_is_in_the_pool() {
    let mut crowd = Crowd::new();
    let (one, two) = (envelope(1), envelope(2));
    crowd.admit(Some(0), &one);
    crowd.admit(None, &two);
    let told = crowd.relay.status();
    let slot = crowd.relay.join(NodeId([0; 64]), eager(), told, PeerRuleState::ANY);
    crowd.relay.exchange().start_lazy(slot, salt(PEERS), Default::default()).unwrap();
    crowd.slots.push(slot);
    let told = crowd.told(MS, PEERS);
    let [LazyMessage::Have(announced)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(announced.len(), 2);
}

/// Requirements of the peers and of this node hold for announcements as for envelopes.
#[test]
fn only_what_would_be_sent_is_announced() {
    let mut crowd = Crowd::new();
    let (topic, other) = (Topic(*b"test"), Topic(*b"else"));
    crowd.join(Status { bloom: Bloom::of(topic), ..eager() });
    crowd.admit(Some(0), &envelope_about(other, 1));
    assert_eq!(crowd.told(MS, PEERS), []);
    let wanted = envelope_about(topic, 2);
    crowd.admit(Some(0), &wanted);
    assert_eq!(crowd.told(MS, PEERS), [announces(PEERS, &wanted)]);
    crowd.relay.set_light(true);
    crowd.admit(Some(0), &envelope(3));
    assert_eq!(crowd.told(MS, 1), [], "a light client announces only what was posted there");
    let passed = envelope_until(NOW + 5, 4);
    crowd.relay.set_light(false);
    crowd.admit(Some(0), &passed);
    let told = crowd.told(MS, 2);
    assert!(!told.is_empty());
    crowd.want(2, &[&passed]);
    let (late, _) = crowd.relay.poll_transmit(NOW + 6, crowd.slots[2], 0);
    assert!(!matches!(late, Transmit::Envelopes(_)), "it has expired");
}

#[test]
fn what_was_not_admitted_is_neither_announced_nor_asked_for_again() {
    let (crowd, it) = (Crowd::new(), envelope(1));
    crowd.have(1, &it);
    assert_eq!(crowd.told(MS, 1), [asks(&crowd, &it)]);
    crowd.relay.exchange().handle_rejected(NOW, [&it]);
    crowd.have(2, &it);
    assert!((0..PEERS).all(|peer| crowd.told(MS, peer).is_empty()));
}

#[test]
fn a_post_that_was_only_announced_is_not_sent() {
    let (crowd, it) = (Crowd::new(), envelope_of_size(100_000, 1));
    crowd.admit(None, &it);
    assert_eq!(crowd.told(MS, 1), [announces(1, &it)]);
    let Some(UnsentReason::Unwanted(skipped)) = crowd.relay.unsent_reason(&[*it.hash()]) else {
        panic!("sent");
    };
    assert_eq!(skipped.pending, PEERS);
    crowd.have(2, &it);
    assert_eq!(crowd.relay.unsent_reason(&[*it.hash()]), None, "a peer has it");
    let key = crowd.relay.pool.table_keys().of_content(it.raw());
    let here = crowd.relay.pool().find_same(key, it.raw()).unwrap();
    assert_eq!(crowd.relay.exchange().own_hashes(&[here]), [*it.hash()]);
}

#[test]
fn a_relay_without_it_tells_nothing() {
    let config = Config {
        peers: PeerSettings { lazy: false, ..PeerSettings::default() },
        ..Config::default()
    };
    let relay = Relay::new(Dialect::V6, &config, HashState::default());
    assert_eq!(relay.exchange().lazy_salt(), None);
    let slot = relay.join(NodeId([0; 64]), eager(), eager(), PeerRuleState::ANY);
    assert_eq!(relay.exchange().start_lazy(slot, salt(1), Default::default()), None);
    assert_eq!(relay.exchange().poll_lazy(MS, slot), (None, None));
}

use std::time::Duration;

use p2p_world::HashState;

use whisper_pow::{Policy, Work};

use super::*;
use crate::{
    clock::{Clock, corrector::ClockCorrector},
    config::Config,
    delivery::{Delivery, driver::DeliveryDriver},
    peers::{links::Links, work_settings::WorkSettings},
    receipts::settings::ReceiptSettings,
    relay::{
        relays::Relays,
        testing::{NOW, envelope},
    },
    stats::counters::Counters,
};

/// The resealer of a node that requires `min_work` under the `accept`ed rules.
fn resealer(min_work: f64, accept: Vec<Rule>) -> Resealer {
    let policy = Policy { accept, ..Policy::default() };
    let work = WorkSettings { policy, ..WorkSettings::default() };
    let min_work = Work::new(min_work).unwrap();
    let config = Config { min_work, work, ..Config::default() };
    let counters = Arc::new(Counters::default());
    let corrector = Arc::new(ClockCorrector::new(Clock::new(|| NOW), 0));
    let delivery = Delivery::new(&config, Arc::clone(&counters));
    let delivery = Arc::new(DeliveryDriver::new(delivery, corrector.corrected()));
    let tracker = Arc::new(PostTracker::new(ReceiptSettings::default(), Arc::clone(&counters)));
    let pools = Arc::new(Relays::new(&config, &HashState::default()));
    let relays = RelayDriver::new(
        pools,
        corrector,
        Arc::new(Links::default()),
        delivery,
        Arc::clone(&tracker),
        counters,
    );
    let rules = Arc::new(RuleLearner::new(config.work));
    Resealer::new(Arc::new(relays), rules, tracker, Miner::default())
}

fn both() -> Vec<Rule> {
    vec![Rule::EIP_627, Rule::GETH_1_8]
}

/// An envelope with this much work under EIP-627 and less under go-ethereum 1.8.
fn sealed_for_one(enough: f64) -> Envelope {
    let enough = Work::new(enough).unwrap();
    let has = |rule, it: &Envelope| work(rule, it).unwrap() >= enough;
    let envelopes = (0..).map(envelope);
    envelopes.into_iter().find(|it| has(Rule::EIP_627, it) && !has(Rule::GETH_1_8, it)).unwrap()
}

/// Publishes a post under EIP-627 whose target is `enough` work within some time.
fn post(resealer: &Resealer, envelope: &Envelope, enough: f64, within: Duration) -> PostSeals {
    let target = SealTarget { work: Work::new(enough).unwrap(), within };
    let single = PostSeals::single(Rule::EIP_627, *envelope.hash());
    let seals = PostSeals { target: Some(target), ..single };
    resealer.tracker.follow(seals.clone(), envelope.expiry(), false);
    let outcomes = resealer.relays.inject(std::slice::from_ref(envelope));
    assert!(matches!(outcomes[..], [EnvelopeOutcome::New]), "{outcomes:?}");
    seals
}

const ENOUGH: f64 = 0.05;
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_post_gets_an_envelope_for_the_new_rule() {
    let resealer = resealer(0.0, both());
    let seals = post(&resealer, &sealed_for_one(ENOUGH), ENOUGH, LONG);
    resealer.reseal(&seals, Rule::GETH_1_8).await;
    let seals = resealer.tracker.seals(&seals.first.hash).unwrap();
    let [PostEnvelope { rule: Rule::GETH_1_8, hash }] = seals.others[..] else {
        panic!("{seals:?}")
    };
    let pooled = resealer.relays.relays().own_envelope(Dialect::V6, &hash).unwrap();
    assert!(work(Rule::GETH_1_8, &pooled).unwrap().get() >= ENOUGH);
    assert_eq!(resealer.tracker.seals(&hash), Some(seals), "it is found by the new hash");
    assert!(resealer.tracker.unsealed_posts(&both()).is_empty());
}

#[tokio::test]
async fn an_envelope_that_has_the_work_already_is_enough() {
    let resealer = resealer(0.0, both());
    // Every envelope has more.
    let seals = post(&resealer, &envelope(0), 1e-9, LONG);
    resealer.reseal(&seals, Rule::GETH_1_8).await;
    let seals = resealer.tracker.seals(&seals.first.hash).unwrap();
    assert_eq!((&seals.others[..], &seals.met[..]), (&[][..], &[Rule::GETH_1_8][..]));
}

#[tokio::test]
async fn a_target_that_is_not_reached_is_not_tried_again() {
    let resealer = resealer(0.0, both());
    let seals = post(&resealer, &envelope(0), 1e15, Duration::from_millis(1));
    resealer.reseal(&seals, Rule::GETH_1_8).await;
    let seals = resealer.tracker.seals(&seals.first.hash).unwrap();
    assert_eq!((&seals.others[..], &seals.unmet[..]), (&[][..], &[Rule::GETH_1_8][..]));
    assert!(resealer.tracker.unsealed_posts(&both()).is_empty());
}

#[tokio::test]
async fn an_envelope_that_the_own_pool_rejects_is_not_listed() {
    // Only the first rule counts for the pool, and an envelope under the other one has no work under it.
    const HIGH: f64 = 1.0;
    let resealer = resealer(HIGH, vec![Rule::EIP_627]);
    let seals = post(&resealer, &sealed_for_one(HIGH), HIGH, LONG);
    resealer.reseal(&seals, Rule::GETH_1_8).await;
    let seals = resealer.tracker.seals(&seals.first.hash).unwrap();
    assert_eq!((&seals.others[..], &seals.unmet[..]), (&[][..], &[Rule::GETH_1_8][..]));
}

#[tokio::test]
async fn a_post_that_left_the_pool_or_has_no_target_is_left_alone() {
    let resealer = resealer(0.0, both());
    let gone = PostSeals {
        target: Some(SealTarget { work: Work::ZERO, within: LONG }),
        ..PostSeals::single(Rule::EIP_627, [1; 32])
    };
    resealer.tracker.follow(gone.clone(), NOW + 50, false);
    let without = PostSeals { target: None, ..post(&resealer, &envelope(0), ENOUGH, LONG) };
    for seals in [gone, without] {
        resealer.reseal(&seals, Rule::GETH_1_8).await;
        let after = resealer.tracker.seals(&seals.first.hash).unwrap();
        assert!(after.others.is_empty() && after.met.is_empty() && after.unmet.is_empty());
    }
}

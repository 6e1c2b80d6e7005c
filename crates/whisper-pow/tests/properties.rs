//! What holds for every envelope under every rule.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use keccak_lanes::keccak256;
use proptest::prelude::*;
use whisper_envelope::{Envelope, Topic, Unsealed};
use whisper_pow::{
    Policy, Preimage, Rule, Size, Task, Work, WorkError, Zeros, search, work, work_with_ttl, works,
};

const NAMED: [Rule; 4] = [Rule::GETH_1_8, Rule::EIP_627, Rule::PARITY, Rule::NIM];

fn rules() -> impl Strategy<Value = Rule> {
    let preimage = prop_oneof![Just(Preimage::Hashed), Just(Preimage::Plain)];
    let zeros = prop_oneof![Just(Zeros::Trailing), Just(Zeros::Leading)];
    let size = prop_oneof![Just(Size::Fields), Just(Size::UnsealedRlp), Just(Size::SealedRlp)];
    (preimage, zeros, size).prop_map(|(preimage, zeros, size)| Rule { preimage, zeros, size })
}

fn unsealed() -> impl Strategy<Value = Unsealed> {
    let data = prop::collection::vec(any::<u8>(), 0..500);
    let ttl = prop_oneof![1..100u32, 1..=u32::MAX];
    let fields = (any::<u32>(), ttl, any::<[u8; 4]>().prop_map(Topic), data);
    (fields, prop::option::of(any::<[u8; 12]>()), any::<bool>()).prop_map(
        |((expiry, ttl, topic, data), nonce, v5)| match v5 {
            true => Unsealed::v5(0, expiry, ttl, topic, nonce, &data),
            false => Unsealed::v6(expiry, ttl, topic, &data),
        },
    )
}

/// The zero bits that count, straight from the definition: no midstate, one bit at a time.
fn zeros_by_the_book(rule: Rule, envelope: &Envelope) -> u32 {
    let rlp = envelope.unsealed().preimage().to_vec();
    let nonce = envelope.nonce().to_be_bytes();
    let hash = keccak256(&match rule.preimage {
        Preimage::Hashed => [&keccak256(&rlp)[..], &[0; 24], &nonce].concat(),
        Preimage::Plain => [&rlp[..], &nonce].concat(),
    });
    let mut bits: Vec<bool> =
        hash.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte & (1 << bit) != 0)).collect();
    if rule.zeros == Zeros::Trailing {
        bits.reverse();
    }
    bits.iter().take_while(|&&bit| !bit).count().try_into().unwrap()
}

fn work_by_the_book(rule: Rule, envelope: &Envelope) -> f64 {
    let size = match rule.size {
        Size::Fields => envelope.size(),
        Size::UnsealedRlp => envelope.unsealed().preimage().to_vec().len(),
        Size::SealedRlp => envelope.raw().len(),
    };
    2f64.powf(zeros_by_the_book(rule, envelope).into()) / size as f64 / f64::from(envelope.ttl())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn work_is_by_the_book(rule in rules(), unsealed in unsealed(), nonce: u64) {
        let envelope = unsealed.seal(nonce);
        let ours = work(rule, &envelope).unwrap().get();
        prop_assert_eq!(ours.to_bits(), work_by_the_book(rule, &envelope).to_bits());
        let task = Task::new(rule, &unsealed).unwrap();
        prop_assert_eq!(task.zeros(nonce), zeros_by_the_book(rule, &envelope));
    }

    #[test]
    fn what_is_sealed_reaches_what_was_asked(rule in rules(), unsealed in unsealed(), asked in 0..10u32) {
        // Amounts all around those that a whole number of bits gives.
        let task = Task::new(rule, &unsealed).unwrap();
        let exact = f64::from(1u32 << asked) / unsealed.size() as f64 / f64::from(unsealed.ttl());
        for factor in [0.97, 1.0 - f64::EPSILON, 1.0, 1.0 + f64::EPSILON, 1.03] {
            let asked = Work::new(exact * factor).unwrap();
            let bits = task.bits_for(asked).unwrap();
            let nonce = search(&task, 0..=u64::MAX, bits, || false).best.unwrap().nonce;
            prop_assert!(work(rule, &unsealed.seal(nonce)).unwrap() >= asked);
        }
    }

    #[test]
    fn no_bit_too_many(unsealed in unsealed(), bits in 1..200u32) {
        // Where the size does not depend on the nonce, exactly reachable work takes exactly the bits.
        for rule in [Rule::GETH_1_8, Rule::EIP_627, Rule::NIM] {
            let task = Task::new(rule, &unsealed).unwrap();
            let size = if rule.size == Size::Fields { unsealed.size() } else { unsealed.preimage().len() };
            let exact = 2f64.powf(bits.into()) / size as f64 / f64::from(unsealed.ttl());
            prop_assert_eq!(task.bits_for(Work::new(exact).unwrap()), Some(bits));
        }
    }

    #[test]
    fn a_policy_sees_the_best_of_its_rules(unsealed in unsealed(), nonce: u64, ttl in 1..=u32::MAX) {
        let envelope = unsealed.seal(nonce);
        let policy = Policy { accept: NAMED.to_vec(), ..Policy::default() };
        let best = NAMED.iter().map(|&rule| work(rule, &envelope).unwrap()).max();
        prop_assert_eq!(Some(policy.work(&envelope).unwrap()), best);
        let best = NAMED.iter().map(|&rule| work_with_ttl(rule, &envelope, ttl).unwrap()).max();
        prop_assert_eq!(Some(policy.work_with_ttl(&envelope, ttl).unwrap()), best);
    }

    #[test]
    fn many_envelopes_at_once_show_the_same_work(
        envelopes in prop::collection::vec((unsealed(), any::<u64>(), 0..100u32), 0..20),
        rule in rules(),
    ) {
        let envelopes: Vec<(Envelope, u32)> =
            envelopes.iter().map(|(unsealed, nonce, ttl)| (unsealed.seal(*nonce), *ttl)).collect();
        let borrowed: Vec<(&Envelope, u32)> =
            envelopes.iter().map(|(envelope, ttl)| (envelope, *ttl)).collect();
        let one_by_one = borrowed.iter().map(|(envelope, ttl)| work_with_ttl(rule, envelope, *ttl));
        prop_assert_eq!(works(rule, &borrowed), one_by_one.collect::<Vec<_>>());
        let policy = Policy { accept: vec![rule, Rule::GETH_1_8, Rule::NIM], ..Policy::default() };
        let one_by_one =
            borrowed.iter().map(|(envelope, ttl)| policy.work_with_ttl(envelope, *ttl));
        prop_assert_eq!(policy.works(&borrowed), one_by_one.collect::<Vec<_>>());
        let proofs = borrowed.iter().map(|(envelope, ttl)| policy.proof(envelope, *ttl));
        prop_assert_eq!(policy.proofs(&borrowed), proofs.collect::<Vec<_>>());
    }

    #[test]
    fn a_proof_tells_the_work_under_every_rule(
        unsealed in unsealed(),
        nonce: u64,
        ttl in 1..=u32::MAX,
        rule in rules(),
    ) {
        let envelope = unsealed.seal(nonce);
        let proof = Policy::default().proof(&envelope, ttl).unwrap();
        prop_assert_eq!(proof.work(rule), Some(work_with_ttl(rule, &envelope, ttl).unwrap()));
        let policy = Policy { accept: vec![Rule::NIM], ..Policy::default() };
        let proof = policy.proof(&envelope, ttl).unwrap();
        prop_assert_eq!(proof.work(rule).is_some(), rule.preimage == Preimage::Plain);
        prop_assert_eq!(policy.best(&proof), policy.work_with_ttl(&envelope, ttl).unwrap());
    }

    #[test]
    fn a_nonce_for_two_rules_is_good_under_both(unsealed in unsealed(), bits in 1..6u32) {
        let task = Task::new(Rule::PARITY, &unsealed).unwrap().and(Rule::GETH_1_8);
        let asked = task.work(0).max(Work::new(f64::MIN_POSITIVE).unwrap());
        let found = search(&task, 0..=u64::MAX, bits, || false).best.unwrap();
        let envelope = unsealed.seal(found.nonce);
        let each = [Rule::PARITY, Rule::GETH_1_8].map(|rule| work(rule, &envelope).unwrap());
        prop_assert!(task.zeros(found.nonce) >= bits);
        prop_assert!(each.iter().all(|work| *work >= task.work(found.nonce)));
        // No earlier nonce would have done.
        let single = [Rule::PARITY, Rule::GETH_1_8].map(|rule| Task::new(rule, &unsealed).unwrap());
        let good = |nonce: &u64| single.iter().all(|task| task.zeros(*nonce) >= bits);
        prop_assert_eq!((0..).find(good), Some(found.nonce));
        // As many bits as the stricter of the two needs.
        let strictest = single.iter().map(|task| task.bits_for(asked).unwrap()).max();
        prop_assert_eq!(task.bits_for(asked), strictest);
    }

    #[test]
    fn no_time_to_live_no_work(rule in rules(), nonce: u64) {
        let envelope = Unsealed::v6(1_700_000_000, 0, Topic(*b"news"), b"data").seal(nonce);
        prop_assert_eq!(work(rule, &envelope), Err(WorkError::ZeroTtl));
        prop_assert_eq!(work_with_ttl(rule, &envelope, 11).map(|work| work > Work::ZERO), Ok(true));
        prop_assert_eq!(Policy::default().work(&envelope), Err(WorkError::ZeroTtl));
        prop_assert_eq!(Task::new(rule, envelope.unsealed()).err(), Some(WorkError::ZeroTtl));
    }
}

#[test]
fn a_policy_without_rules_sees_no_work() {
    let envelope = Unsealed::v6(1_700_000_000, 50, Topic(*b"news"), b"data").seal(0);
    let policy = Policy { accept: vec![], ..Policy::default() };
    assert_eq!(policy.work(&envelope), Ok(Work::ZERO));
    assert_eq!(policy.work_with_ttl(&envelope, 0), Err(WorkError::ZeroTtl));
}

/// Rules that look at the same hash cost no more together; others multiply.
#[test]
fn what_several_rules_cost() {
    let unsealed = Unsealed::v6(1_700_000_000, 50, Topic(*b"news"), b"data");
    let one = Task::new(Rule::EIP_627, &unsealed).unwrap();
    assert_eq!(one.expected_hashes(12), 4096.0);
    let same = one.and(Rule::PARITY).and(Rule::NIM);
    assert_eq!(same.expected_hashes(12), 4096.0);
    assert_eq!(same.and(Rule::GETH_1_8).expected_hashes(12), 4096.0 * 4096.0);
}

#[test]
fn work_beyond_all_bits_is_unreachable() {
    let unsealed = Unsealed::v6(1_700_000_000, 50, Topic(*b"news"), b"data");
    for rule in NAMED {
        let task = Task::new(rule, &unsealed).unwrap();
        assert_eq!(task.bits_for(Work::new(f64::MAX).unwrap()), None);
        assert_eq!(task.bits_for(Work::new(f64::MIN_POSITIVE).unwrap()), Some(1));
        assert_eq!(task.bits_for(Work::ZERO), Some(0));
    }
}

/// The rule of EIP-627 counts a larger size than go-ethereum's computation of the bits where the time
/// to live is long: one bit more is needed to reach what was asked for.
#[test]
fn one_bit_more_where_the_rlp_is_larger_than_the_fields() {
    let unsealed = Unsealed::v6(u32::MAX, 1 << 24, Topic(*b"news"), &[7; 1 << 16]);
    assert!(unsealed.preimage().len() > unsealed.size());
    let size = unsealed.size() as f64;
    let asked = Work::new(2f64.powi(60) / size / f64::from(unsealed.ttl())).unwrap();
    let bits = |rule| Task::new(rule, &unsealed).unwrap().bits_for(asked);
    assert_eq!(bits(Rule::GETH_1_8), Some(60));
    assert_eq!(bits(Rule::EIP_627), Some(61));
}

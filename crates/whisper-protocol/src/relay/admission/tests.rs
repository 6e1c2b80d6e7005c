use std::slice;

use whisper_envelope::{Topic, Unsealed};
use whisper_pow::Rule;

use super::*;
use crate::{
    relay::reject_reason::RejectReason,
    relay::testing::{NOW, envelope, envelope_about, work},
};

fn requirements(min_work: f64) -> Requirements {
    Requirements::new(Dialect::V6, &Config { min_work: work(min_work), ..Config::default() })
}

fn check(requirements: &Requirements, now: u32, envelope: &Envelope) -> Result<Work, RejectReason> {
    let mut checked =
        requirements.check(now, &Policy::default(), slice::from_ref(envelope), Origin::Remote);
    checked.pop().unwrap().map(|proven| proven.work)
}

#[test]
fn time_windows() {
    let cases = [
        (NOW + 50, 50, Ok(())),
        (NOW, 50, Ok(())),
        (NOW + 60, 50, Ok(())),
        (NOW + 61, 50, Err(RejectReason::FromTheFuture { ahead: 11 })),
        (NOW - 1, 50, Err(RejectReason::Expired)),
        (NOW - 20, 50, Err(RejectReason::Expired)),
        (NOW - 21, 50, Err(RejectReason::VeryOld)),
        (NOW + 50, 0, Err(RejectReason::ZeroTtl)),
        (NOW + 50, NOW + 50, Ok(())),
        (NOW + 50, NOW + 51, Err(RejectReason::TtlBeyondExpiry)),
        (u32::MAX, 1, Err(RejectReason::FromTheFuture { ahead: u32::MAX - 1 - NOW })),
    ];
    for (expiry, ttl, expected) in cases {
        let envelope = Unsealed::v6(expiry, ttl, Topic(*b"test"), &[0; 64]).seal(0);
        let found = check(&requirements(0.0), NOW, &envelope).map(|_| ());
        assert_eq!(found, expected, "expiry {expiry}, ttl {ttl}");
    }
}

#[test]
fn a_later_date_does_not_save_work() {
    let policy = Policy::default();
    let dated = |sent: u32| Unsealed::v6(sent + 50, 50, Topic(*b"test"), &[0; 64]).seal(7);
    let found = |sent| check(&requirements(0.0), NOW, &dated(sent)).unwrap();
    assert_eq!(Ok(found(NOW)), policy.work(&dated(NOW)));
    assert_eq!(Ok(found(NOW + 1)), policy.work_with_ttl(&dated(NOW + 1), 52));
    assert_eq!(Ok(found(NOW + 10)), policy.work_with_ttl(&dated(NOW + 10), 61));
}

#[test]
fn work_under_any_accepted_rule_counts() {
    let sealed = |rule| {
        let by = |nonce: &u64| whisper_pow::work(rule, &envelope(*nonce)).unwrap();
        let most = (0..400_u64).max_by_key(by).unwrap();
        (envelope(most), by(&most))
    };
    for rule in [Rule::GETH_1_8, Rule::EIP_627] {
        let (envelope, most) = sealed(rule);
        assert!(check(&requirements(most.get()), NOW, &envelope).unwrap() >= most, "{rule:?}");
        let asked = work(most.get() * 1e6);
        let refused = requirements(asked.get());
        assert!(matches!(check(&refused, NOW, &envelope),
            Err(RejectReason::LowWork { work, required }) if work >= most && required == asked));
    }
}

#[test]
fn the_old_work_is_accepted_for_ten_seconds() {
    let envelope = Unsealed::v6(NOW + 50, 100, Topic(*b"test"), &[0; 64]).seal(0);
    let mut requirements = requirements(0.0);
    requirements.set_min_work(NOW, work(1e9));
    assert_eq!(requirements.min_work(), work(1e9), "announced at once");
    assert!(check(&requirements, NOW + 10, &envelope).is_ok());
    assert!(check(&requirements, NOW + 11, &envelope).is_err());

    requirements.set_min_work(NOW + 20, Work::ZERO);
    requirements.set_min_work(NOW + 25, work(1e9));
    requirements.set_min_work(NOW + 30, work(2e9));
    assert!(
        check(&requirements, NOW + 40, &envelope).is_ok(),
        "the loosest value of the last ten seconds"
    );
    assert!(check(&requirements, NOW + 41, &envelope).is_err());
}

#[test]
fn the_old_bloom_is_accepted_for_ten_seconds() {
    let (old, new) = (Topic([1, 2, 3, 0]), Topic([201, 202, 203, 0]));
    let mut requirements = requirements(0.0);
    requirements.set_bloom(NOW - 100, Bloom::of(old));
    requirements.set_bloom(NOW, Bloom::of(new));
    let envelope = |topic| envelope_about(topic, 0);
    assert!(check(&requirements, NOW + 10, &envelope(old)).is_ok());
    assert!(check(&requirements, NOW + 10, &envelope(new)).is_ok());
    assert_eq!(check(&requirements, NOW + 11, &envelope(old)), Err(RejectReason::OutsideBloom));
    assert!(check(&requirements, NOW + 11, &envelope(new)).is_ok());

    let mine = envelope(old);
    let local = requirements.check(NOW + 11, &Policy::default(), &[mine], Origin::Local);
    assert!(local[0].is_ok(), "the bloom does not restrict own envelopes");
}

#[test]
fn a_bloom_in_the_form_of_go_ethereum_accepts_its_topic() {
    let topic = Topic([0, 1, 2, 0]);
    let mut requirements = requirements(0.0);
    requirements.set_bloom(NOW - 100, Bloom::of_overwriting(topic));
    assert!(check(&requirements, NOW, &envelope_about(topic, 0)).is_ok());
}

#[test]
fn size_is_counted_as_in_go_ethereum() {
    let mut requirements = requirements(0.0);
    requirements.set_max_message_size(84);
    assert!(check(&requirements, NOW, &envelope(0)).is_ok());
    requirements.set_max_message_size(83);
    let too_large = RejectReason::TooLarge { size: 84, limit: 83 };
    assert_eq!(check(&requirements, NOW, &envelope(0)), Err(too_large));
}

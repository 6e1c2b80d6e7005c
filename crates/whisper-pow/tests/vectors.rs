//! Envelopes that go-ethereum 1.8.27 and 1.9.6 sealed, and the work that they see in them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use serde_json::Value;
use whisper_envelope::{Dialect, Envelope};
use whisper_pow::{Policy, Rule, Task, Work, search, work, work_with_ttl};

const FILE: &str = include_str!("vectors/work-geth.json");

struct Vector {
    name: String,
    rule: Rule,
    envelope: Envelope,
    fields: Value,
}

impl Vector {
    fn all() -> Vec<Self> {
        let mut file: Value = serde_json::from_str(FILE).unwrap();
        let envelopes = file["envelopes"].as_array_mut().unwrap();
        assert_eq!(envelopes.len(), 3 * 36);
        envelopes.drain(..).map(Self::new).collect()
    }

    fn new(fields: Value) -> Self {
        let dialect = match fields["whisper"].as_u64() {
            Some(5) => Dialect::V5,
            Some(6) => Dialect::V6,
            other => panic!("Whisper {other:?}"),
        };
        let rule = match fields["rule"].as_str() {
            Some("GETH_1_8") => Rule::GETH_1_8,
            Some("EIP_627") => Rule::EIP_627,
            other => panic!("rule {other:?}"),
        };
        let raw = hex::decode(fields["rlp"].as_str().unwrap()).unwrap();
        let envelope = Envelope::decode(dialect, raw.into()).unwrap();
        let name = format!("{dialect:?} {} {}", fields["rule"], fields["name"]);
        Self { name, rule, envelope, fields }
    }

    fn work(&self, field: &str) -> Work {
        let bits = u64::from_str_radix(self.fields[field].as_str().unwrap(), 16).unwrap();
        Work::new(f64::from_bits(bits)).unwrap()
    }

    fn requested(&self) -> Work {
        Work::new(self.fields["requested"].as_str().unwrap().parse().unwrap()).unwrap()
    }

    fn target_bits(&self) -> Option<u32> {
        self.fields["target_bits"].as_u64().map(|bits| bits.try_into().unwrap())
    }

    fn task(&self) -> Task {
        Task::new(self.rule, self.envelope.unsealed()).unwrap()
    }
}

#[test]
fn work_is_the_same_to_the_last_bit() {
    for vector in Vector::all() {
        let theirs = vector.work("work_f64_bits");
        let ours = work(vector.rule, &vector.envelope).unwrap();
        assert_eq!(ours.get().to_bits(), theirs.get().to_bits(), "{}", vector.name);
    }
}

#[test]
fn work_with_a_longer_life_is_the_same_to_the_last_bit() {
    for vector in Vector::all() {
        let theirs = vector.work("work_at_ttl_plus_11_f64_bits");
        let ttl = vector.envelope.ttl() + 11;
        let ours = work_with_ttl(vector.rule, &vector.envelope, ttl).unwrap();
        assert_eq!(ours.get().to_bits(), theirs.get().to_bits(), "{}", vector.name);
    }
}

#[test]
fn as_many_bits_for_as_much_work() {
    for vector in Vector::all() {
        // Without a target they do no work at all.
        let theirs = Some(vector.target_bits().unwrap_or(0));
        assert_eq!(vector.task().bits_for(vector.requested()), theirs, "{}", vector.name);
    }
}

#[test]
fn the_search_finds_the_nonce_that_they_found() {
    for vector in Vector::all() {
        let enough = vector.target_bits().unwrap_or(0);
        let search = search(&vector.task(), 0..=u64::MAX, enough, || false);
        let nonce = search.best.map(|found| found.nonce);
        assert_eq!(nonce, vector.fields["nonce"].as_u64(), "{}", vector.name);
        assert_eq!(search.hashes, vector.envelope.nonce() + 1, "{}", vector.name);
    }
}

#[test]
fn the_default_policy_takes_envelopes_of_both_worlds() {
    for vector in Vector::all() {
        let theirs = vector.work("work_f64_bits");
        assert!(Policy::default().work(&vector.envelope).unwrap() >= theirs, "{}", vector.name);
    }
}

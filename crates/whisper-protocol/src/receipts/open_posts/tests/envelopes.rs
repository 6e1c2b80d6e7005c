//! Posts with several envelopes: one for each rule.

use std::collections::HashSet;

use whisper_pow::Work;

use super::*;
use crate::receipts::sealing::SealTarget;

const SECOND: Hash = [2; 32];
const THIRD: Hash = [3; 32];

const RULES: [Rule; 3] = [Rule::EIP_627, Rule::GETH_1_8, Rule::PARITY];

/// A post that is sealed again for further rules, with these envelopes.
fn sealed(hashes: &[Hash]) -> PostSeals {
    let target = SealTarget { work: Work::ZERO, within: STAY };
    let envelope = |(rule, hash): (&Rule, &Hash)| PostEnvelope { rule: *rule, hash: *hash };
    let mut envelopes = RULES.iter().zip(hashes).map(envelope);
    let first = envelopes.next().unwrap();
    PostSeals { others: envelopes.collect(), target: Some(target), ..single(first.hash) }
}

fn posted_with(hashes: &[Hash]) -> OpenPosts {
    let mut posts = posts(1);
    posts.handle_posted(sealed(hashes), EXPIRY, false);
    posts
}

#[test]
fn what_happens_to_one_envelope_happens_to_the_post() {
    for hash in [POST, SECOND, THIRD] {
        let (mut posts, now, [a]) = (posted_with(&[POST, SECOND, THIRD]), Instant::now(), peers());
        assert_eq!((posts.first(&hash), posts.len()), (&POST, 1));
        assert!(posts.handle_handed(now, &hash, a, true));
        assert_eq!(posts.progress(&hash).unwrap().handed, 1);
        posts.handle_acknowledged(&hash, &a);
        let delivered = Ending::Delivered { peers: 1, acknowledged: 1 };
        assert_eq!(posts.poll_ended(), Some((POST, delivered.clone())), "by its first hash");
        for hash in [POST, SECOND, THIRD] {
            assert_eq!(posts.ending(&hash), Some(&delivered), "remembered by all of its hashes");
            assert_eq!(posts.seals(&hash), Some(&sealed(&[POST, SECOND, THIRD])));
        }
    }
}

#[test]
fn a_refusal_of_any_envelope_counts() {
    let (mut posts, now, [a]) = (posted_with(&[POST, SECOND]), Instant::now(), peers());
    posts.handle_handed(now, &SECOND, a, true);
    posts.handle_refused(&POST, &a, disconnected());
    assert_eq!(posts.progress(&SECOND).unwrap().refused, Some((a, disconnected())));
}

#[test]
fn a_peer_that_is_sent_two_envelopes_counts_once() {
    let (mut posts, now, [a]) = (posted_with(&[POST, SECOND]), Instant::now(), peers());
    posts.handle_handed(now, &POST, a, true);
    posts.handle_handed(now, &SECOND, a, true);
    assert_eq!(posts.progress(&POST).unwrap().handed, 1);
}

#[test]
fn a_post_is_evicted_with_its_last_envelope() {
    let mut posts = posted_with(&[POST, SECOND]);
    posts.handle_evicted(&SECOND);
    posts.handle_evicted(&SECOND);
    assert_eq!(ended(&mut posts), None, "the other one is still in the pool");
    posts.handle_evicted(&POST);
    assert_eq!(ended(&mut posts), Some(Ending::Evicted { handed: 0, kept: 0 }));
}

#[test]
fn a_post_is_sealed_again_while_it_is_open_and_after_its_end() {
    for is_open in [true, false] {
        let mut posts = posted_with(&[POST]);
        if !is_open {
            posts.handle_clock(EXPIRY + 1, unsent);
            assert!(ended(&mut posts).is_some());
        }
        assert_eq!(posts.unsealed(&RULES), [(sealed(&[POST]), RULES[1..].to_vec())]);
        posts.handle_sealed(&POST, RULES[1], Some(PostEnvelope { rule: RULES[1], hash: SECOND }));
        assert_eq!(
            (posts.first(&SECOND), posts.seals(&SECOND)),
            (&POST, Some(&sealed(&[POST, SECOND])))
        );
        assert_eq!(posts.unsealed(&RULES), [(sealed(&[POST, SECOND]), vec![RULES[2]])]);
        posts.handle_unmet(&POST, RULES[2]);
        assert_eq!(posts.unsealed(&RULES), [], "it is not tried again");
        assert_eq!(posts.seals(&POST).unwrap().unmet, [RULES[2]]);
    }
}

#[test]
fn a_rule_that_is_met_already_needs_no_envelope() {
    let mut posts = posted_with(&[POST]);
    posts.handle_sealed(&POST, RULES[1], None);
    assert_eq!(posts.seals(&POST).unwrap().met, [RULES[1]]);
    assert_eq!(posts.unsealed(&RULES[..2]), []);
    assert!(posts.aliases.is_empty());
}

#[test]
fn a_post_without_a_target_is_not_sealed_again() {
    assert_eq!(posted(1).unsealed(&RULES), []);
}

#[test]
fn the_oldest_post_is_sealed_again_first() {
    let mut posts = posted_with(&[POST]);
    posts.handle_posted(sealed(&[SECOND]), EXPIRY + 5, false);
    posts.handle_posted(sealed(&[THIRD]), EXPIRY, false);
    posts.handle_evicted(&SECOND);
    let order = posts.unsealed(&RULES[..2]).into_iter().map(|(seals, _)| seals.first.hash);
    assert_eq!(order.collect::<Vec<_>>(), [SECOND, POST, THIRD], "ended posts, then open ones");
}

#[test]
fn a_rejected_envelope_leaves_its_rule_unmet() {
    let mut posts = posted_with(&[POST, SECOND]);
    posts.handle_rejected(&SECOND);
    let seals = posts.seals(&POST).unwrap();
    assert_eq!((seals.hashes(), &seals.unmet[..]), (vec![POST], &RULES[1..2]));
    assert_eq!((posts.seals(&SECOND), posts.unsealed(&RULES[..2])), (None, vec![]));
    posts.handle_rejected(&POST);
    posts.handle_rejected(&[9; 32]);
    assert!(posts.progress(&POST).is_some(), "the first one and others are not concerned");
}

#[test]
fn a_post_that_could_not_be_published_leaves_nothing() {
    let mut posts = posted_with(&[POST, SECOND]);
    posts.forget(&POST);
    assert_eq!((posts.seals(&SECOND), posts.len()), (None, 0));
    assert_eq!(ended(&mut posts), None);
    assert!(posts.aliases.is_empty());
}

#[test]
fn a_post_that_is_posted_again_has_only_its_new_envelopes() {
    let mut posts = posted_with(&[POST, SECOND]);
    posts.stop();
    posts.handle_posted(sealed(&[POST, THIRD]), EXPIRY, false);
    assert_eq!((posts.seals(&SECOND), posts.first(&THIRD)), (None, &POST));
    assert!(posts.ending(&POST).is_none() && posts.progress(&THIRD).is_some());
}

/// What can happen to the envelopes of a post, in any order.
#[derive(Debug, Clone, Copy)]
enum Change {
    Posted { others: u8 },
    Sealed { other: u8 },
    Met,
    Unmet,
    Rejected { other: u8 },
    Evicted { envelope: u8 },
    Forgotten,
    Passed { seconds: u32 },
}

fn changes() -> impl Strategy<Value = (u8, Change)> {
    let other = 1..4_u8;
    let change = prop_oneof![
        3 => (0..4_u8).prop_map(|others| Change::Posted { others }),
        2 => other.clone().prop_map(|other| Change::Sealed { other }),
        1 => Just(Change::Met),
        1 => Just(Change::Unmet),
        1 => other.prop_map(|other| Change::Rejected { other }),
        1 => (0..4_u8).prop_map(|envelope| Change::Evicted { envelope }),
        1 => Just(Change::Forgotten),
        1 => (0..60_u32).prop_map(|seconds| Change::Passed { seconds }),
    ];
    (0..12_u8, change)
}

proptest! {
    /// Otherwise the memory of a node that posts for a long time would grow.
    #[test]
    fn exactly_the_envelopes_of_remembered_posts_are_found(
        schedule in prop::collection::vec(changes(), 0..200),
    ) {
        let (mut posts, mut now) = (posts(1), 0);
        let hash = |post: u8, envelope: u8| { let mut hash = [post; 32]; hash[0] = envelope; hash };
        for (post, change) in schedule {
            let first = hash(post, 0);
            match change {
                Change::Posted { others } => {
                    let envelope = |other| PostEnvelope { rule: RULES[1], hash: hash(post, other) };
                    let others = (1..=others).map(envelope).collect();
                    posts.handle_posted(PostSeals { others, ..sealed(&[first]) }, now + 50, false);
                }
                Change::Sealed { other } => {
                    let envelope = PostEnvelope { rule: RULES[2], hash: hash(post, other) };
                    // No two envelopes have the same hash.
                    if posts.seals(&envelope.hash).is_none() {
                        posts.handle_sealed(&first, RULES[2], Some(envelope));
                    }
                }
                Change::Met => posts.handle_sealed(&first, RULES[2], None),
                Change::Unmet => posts.handle_unmet(&first, RULES[2]),
                Change::Rejected { other } => posts.handle_rejected(&hash(post, other)),
                Change::Evicted { envelope } => posts.handle_evicted(&hash(post, envelope)),
                Change::Forgotten => posts.forget(&first),
                Change::Passed { seconds } => {
                    now += seconds;
                    posts.handle_clock(now, unsent);
                }
            }
            let open = posts.open.values().map(|open| &open.seals);
            let remembered = open.chain(posts.ended.values().map(|(_, seals)| seals));
            let others: HashSet<(Hash, Hash)> = remembered
                .flat_map(|seals| seals.others.iter().map(|other| (other.hash, seals.first.hash)))
                .collect();
            let aliases: HashSet<(Hash, Hash)> = posts.aliases.iter().map(|(a, b)| (*a, *b)).collect();
            prop_assert_eq!(aliases, others);
        }
    }
}

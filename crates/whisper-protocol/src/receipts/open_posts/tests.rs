mod envelopes;

use std::{collections::HashSet, time::Duration};

use p2p_identity::SecretKey;
use p2p_mux::DisconnectReason;
use proptest::prelude::*;

use super::*;
use crate::relay::unsent_reason::SkippedPeers;

const STAY: Duration = Duration::from_secs(2);
const EXPIRY: u32 = 100;
const POST: Hash = [1; 32];

fn posts(peers: usize) -> OpenPosts {
    OpenPosts::new(ReceiptSettings { peers, stay: STAY, tracked: 8, confirmations: false })
}

/// A post with one envelope.
fn single(hash: Hash) -> PostSeals {
    PostSeals::single(Rule::EIP_627, hash)
}

fn posted(peers: usize) -> OpenPosts {
    let mut posts = posts(peers);
    posts.handle_posted(single(POST), EXPIRY, false);
    posts
}

/// The ids of `N` peers.
fn peers<const N: usize>() -> [NodeId; N] {
    std::array::from_fn(|n| {
        let byte = u8::try_from(n + 1).unwrap();
        SecretKey::from_bytes(&[byte; 32]).unwrap().id()
    })
}

fn ended(posts: &mut OpenPosts) -> Option<Ending> {
    let ended = posts.poll_ended().map(|(_, ending)| ending);
    assert_eq!(posts.poll_ended(), None, "once");
    ended
}

fn unsent(_: &[Hash]) -> UnsentReason {
    UnsentReason::NoPeers
}

fn disconnected() -> RefusalReason {
    RefusalReason::Disconnected(DisconnectReason::Subprotocol)
}

#[test]
fn a_peer_that_stays_keeps_the_post() {
    let (mut posts, now, [a]) = (posted(1), Instant::now(), peers());
    assert!(posts.handle_handed(now, &POST, a, false));
    assert_eq!(posts.poll_timeout(), Some(now + STAY));
    posts.handle_timeout(now + STAY - Duration::from_nanos(1));
    assert_eq!(ended(&mut posts), None);
    posts.handle_timeout(now + STAY);
    let delivered = Ending::Delivered { peers: 1, acknowledged: 0 };
    assert_eq!(ended(&mut posts), Some(delivered.clone()));
    assert_eq!((posts.ending(&POST), posts.poll_timeout()), (Some(&delivered), None));
    posts.handle_left(&a, Some(&disconnected()));
    posts.handle_clock(EXPIRY + 1, unsent);
    assert_eq!(ended(&mut posts), None, "later events do not count");
}

#[test]
fn a_peer_that_confirms_keeps_the_post_only_when_it_has_confirmed() {
    let (mut posts, now, [a, b]) = (posted(2), Instant::now(), peers());
    posts.handle_handed(now, &POST, a, true);
    posts.handle_handed(now, &POST, b, false);
    posts.handle_timeout(now + STAY * 9);
    assert_eq!(ended(&mut posts), None);
    posts.handle_acknowledged(&POST, &a);
    let delivered = Ending::Delivered { peers: 2, acknowledged: 1 };
    assert_eq!(ended(&mut posts), Some(delivered));
}

#[test]
fn a_peer_that_disconnects_because_of_a_packet_refuses_the_post() {
    let (mut posts, now, [a, b]) = (posted(1), Instant::now(), peers());
    posts.handle_handed(now, &POST, a, false);
    posts.handle_handed(now, &POST, b, false);
    posts.handle_left(&a, Some(&disconnected()));
    posts.handle_left(&b, None);
    let progress = posts.progress(&POST).unwrap();
    assert_eq!((progress.handed, progress.left), (2, 1));
    assert_eq!(progress.refused, Some((a, disconnected())));
    assert_eq!(ended(&mut posts), None, "another peer may connect");
    posts.handle_clock(EXPIRY, unsent);
    assert_eq!(ended(&mut posts), None, "it is alive in the second in which it expires");
    posts.handle_clock(EXPIRY + 1, unsent);
    assert_eq!(ended(&mut posts), Some(Ending::Refused { peer: a, reason: disconnected() }));
}

#[test]
fn a_peer_that_comes_back_is_sent_the_post_again_and_counts_once() {
    let (mut posts, now, [a]) = (posted(2), Instant::now(), peers());
    posts.handle_handed(now, &POST, a, false);
    posts.handle_left(&a, None);
    posts.handle_handed(now + STAY, &POST, a, false);
    posts.handle_timeout(now + STAY * 2);
    posts.handle_handed(now + STAY * 2, &POST, a, false);
    posts.handle_timeout(now + STAY * 4);
    posts.handle_clock(EXPIRY + 1, unsent);
    assert_eq!(ended(&mut posts), Some(Ending::Expired { handed: 1, kept: 1 }));
}

#[test]
fn a_reported_refusal_counts() {
    let (mut posts, now, [a]) = (posted(1), Instant::now(), peers());
    let reason = RefusalReason::Answered { code: 36, text: "sent from the future".into() };
    posts.handle_refused(&POST, &a, reason.clone());
    assert_eq!(posts.progress(&POST).unwrap().refused, None, "it was not sent the post");
    posts.handle_handed(now, &POST, a, true);
    posts.handle_refused(&POST, &a, reason.clone());
    posts.handle_acknowledged(&POST, &a);
    posts.handle_clock(EXPIRY + 1, unsent);
    assert_eq!(ended(&mut posts), Some(Ending::Refused { peer: a, reason }));
}

#[test]
fn the_reason_for_an_unsent_post_is_determined_at_the_end() {
    let mut posts = posted(1);
    let reason = UnsentReason::Unwanted(SkippedPeers { bloom: 3, ..SkippedPeers::default() });
    posts.handle_clock(EXPIRY + 1, |_| reason);
    assert_eq!(ended(&mut posts), Some(Ending::Unsent(reason)));
}

#[test]
fn an_evicted_post_ends() {
    let (mut posts, now, [a]) = (posted(2), Instant::now(), peers());
    posts.handle_handed(now, &POST, a, false);
    posts.handle_timeout(now + STAY);
    posts.handle_evicted(&[9; 32]);
    posts.handle_evicted(&POST);
    assert_eq!(ended(&mut posts), Some(Ending::Evicted { handed: 1, kept: 1 }));
}

#[test]
fn a_direct_message_ends_with_its_one_peer() {
    let (now, [a]) = (Instant::now(), peers());
    let direct = |reason: Option<&RefusalReason>| {
        let mut posts = posts(3);
        posts.handle_posted(single(POST), EXPIRY, true);
        posts.handle_handed(now, &POST, a, false);
        posts.handle_left(&a, reason);
        posts.handle_timeout(now + STAY);
        ended(&mut posts)
    };
    assert_eq!(direct(None), Some(Ending::Left { peer: a }));
    assert_eq!(
        direct(Some(&disconnected())),
        Some(Ending::Refused { peer: a, reason: disconnected() })
    );
    let mut posts = posts(3);
    posts.handle_posted(single(POST), EXPIRY, true);
    posts.handle_handed(now, &POST, a, false);
    posts.handle_timeout(now + STAY);
    assert_eq!(ended(&mut posts), Some(Ending::Delivered { peers: 1, acknowledged: 0 }));
}

#[test]
fn the_oldest_post_is_dropped_and_the_last_endings_are_remembered() {
    let mut posts = posts(1);
    for number in 0..30 {
        posts.handle_posted(single([number; 32]), EXPIRY, false);
    }
    assert_eq!(posts.len(), 8);
    for number in 0..22 {
        assert_eq!(posts.poll_ended(), Some(([number; 32], Ending::Untracked)));
    }
    assert_eq!(posts.poll_ended(), None);
    assert_eq!(posts.ending(&[13; 32]), None);
    assert_eq!(posts.ending(&[14; 32]), Some(&Ending::Untracked));
}

#[test]
fn only_a_limited_number_of_peers_is_followed() {
    let (mut posts, now) = (posted(2), Instant::now());
    let many: [NodeId; 200] = peers();
    for peer in many {
        posts.handle_handed(now, &POST, peer, false);
    }
    assert_eq!(posts.open[&POST].handed.len(), MAX_FOLLOWED_PEERS);
    assert_eq!(posts.progress(&POST).unwrap().handed, 200);
}

/// What can happen, with three peers and twelve posts, of which eight are followed.
#[derive(Debug, Clone, Copy)]
enum Input {
    Posted { post: u8, life: u32, direct: bool },
    Handed { post: u8, peer: usize, confirms: bool },
    Acknowledged { post: u8, peer: usize },
    Refused { post: u8, peer: usize },
    Left { peer: usize, because_of_it: bool },
    Evicted { post: u8 },
    Passed { seconds: u32 },
}

fn inputs() -> impl Strategy<Value = Input> {
    let (post, peer) = (0..12_u8, 0..3_usize);
    prop_oneof![
        3 => (post.clone(), 0..9_u32, any::<bool>())
            .prop_map(|(post, life, direct)| Input::Posted { post, life, direct }),
        5 => (post.clone(), peer.clone(), any::<bool>())
            .prop_map(|(post, peer, confirms)| Input::Handed { post, peer, confirms }),
        2 => (post.clone(), peer.clone()).prop_map(|(post, peer)| Input::Acknowledged { post, peer }),
        1 => (post.clone(), peer.clone()).prop_map(|(post, peer)| Input::Refused { post, peer }),
        1 => (peer, any::<bool>()).prop_map(|(peer, because_of_it)| Input::Left { peer, because_of_it }),
        1 => post.prop_map(|post| Input::Evicted { post }),
        2 => (0..3_u32).prop_map(|seconds| Input::Passed { seconds }),
    ]
}

/// The machine, which posts it must end, and which it has ended.
struct Test {
    posts: OpenPosts,
    start: Instant,
    now: u32,
    peers: [NodeId; 3],
    /// How often each post began, and whether it was sent to a peer since.
    began: HashMap<Hash, (usize, bool)>,
    ended: HashMap<Hash, usize>,
}

impl Test {
    fn handle(&mut self, input: Input) -> Result<(), TestCaseError> {
        let instant = self.start + Duration::from_secs(self.now.into());
        let (peers, hash) = (self.peers, |post: u8| [post; 32]);
        match input {
            Input::Posted { post, life, direct } => {
                if !self.posts.open.contains_key(&hash(post)) {
                    let began = self.began.entry(hash(post)).or_default();
                    *began = (began.0 + 1, false);
                }
                self.posts.handle_posted(single(hash(post)), self.now + life, direct);
            }
            Input::Handed { post, peer, confirms } => {
                let open = self.posts.open.contains_key(&hash(post));
                let taken = self.posts.handle_handed(instant, &hash(post), peers[peer], confirms);
                prop_assert_eq!(open, taken);
                if open && let Some(began) = self.began.get_mut(&hash(post)) {
                    began.1 = true;
                }
            }
            Input::Acknowledged { post, peer } => {
                self.posts.handle_acknowledged(&hash(post), &peers[peer]);
            }
            Input::Refused { post, peer } => {
                self.posts.handle_refused(&hash(post), &peers[peer], disconnected());
            }
            Input::Left { peer, because_of_it } => {
                self.posts.handle_left(&peers[peer], because_of_it.then(disconnected).as_ref());
            }
            Input::Evicted { post } => self.posts.handle_evicted(&hash(post)),
            Input::Passed { seconds } => self.pass(seconds),
        }
        self.take_news()
    }

    fn pass(&mut self, seconds: u32) {
        self.now += seconds;
        self.posts.handle_timeout(self.start + Duration::from_secs(self.now.into()));
        self.posts.handle_clock(self.now, unsent);
    }

    fn take_news(&mut self) -> Result<(), TestCaseError> {
        while let Some((hash, ending)) = self.posts.poll_ended() {
            *self.ended.entry(hash).or_default() += 1;
            let (began, handed) = self.began[&hash];
            prop_assert_eq!(self.ended[&hash], began, "once for each time it began");
            match ending {
                Ending::Unsent(_) => prop_assert!(!handed),
                Ending::Delivered { peers, acknowledged } => {
                    prop_assert!(handed && (1..=3).contains(&peers) && acknowledged <= peers);
                }
                Ending::Expired { handed: count, kept } => {
                    prop_assert!(handed && kept < 2 && kept <= count && count <= 3);
                }
                Ending::Refused { .. } | Ending::Left { .. } => prop_assert!(handed),
                Ending::Evicted { .. } | Ending::Untracked | Ending::Stopped => {}
            }
        }
        let open = self.posts.len();
        prop_assert!(open <= 8 && self.posts.by_stay.len() <= open);
        prop_assert_eq!((self.posts.by_age.len(), self.posts.by_expiry.len()), (open, open));
        prop_assert!(self.posts.ended.len() <= 8);
        prop_assert_eq!(self.posts.ended.len(), self.posts.ended_order.len());
        let open: HashSet<_> = self.posts.open.keys().collect();
        prop_assert!(self.posts.ended.keys().all(|hash| !open.contains(hash)), "not both");
        Ok(())
    }
}

proptest! {
    #[test]
    fn every_post_ends_in_exactly_one_state(
        schedule in prop::collection::vec(inputs(), 0..200),
        by_stop in any::<bool>(),
    ) {
        let mut test = Test {
            posts: posts(2),
            start: Instant::now(),
            now: 0,
            peers: peers(),
            began: HashMap::default(),
            ended: HashMap::default(),
        };
        for input in schedule {
            test.handle(input)?;
        }
        if by_stop { test.posts.stop() } else { test.pass(20) }
        test.take_news()?;
        prop_assert_eq!(test.posts.len(), 0);
        for (hash, (began, _)) in &test.began {
            prop_assert_eq!(test.ended.get(hash), Some(began));
        }
    }
}

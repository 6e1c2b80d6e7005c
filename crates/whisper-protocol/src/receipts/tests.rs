use std::collections::HashSet;

use p2p_identity::SecretKey;
use p2p_mux::DisconnectReason;
use proptest::prelude::*;

use super::*;
use crate::receipts::receipt::Unwanted;

const STAY: Duration = Duration::from_secs(2);
const EXPIRY: u32 = 100;
const POST: Hash = [1; 32];

fn receipts(peers: usize) -> Receipts {
    Receipts::new(ReceiptSettings { peers, stay: STAY, tracked: 8, confirmations: false })
}

fn posted(peers: usize) -> Receipts {
    let mut receipts = receipts(peers);
    receipts.handle_posted(POST, EXPIRY, false);
    receipts
}

/// Keys of as many peers.
fn peers<const N: usize>() -> [NodeId; N] {
    std::array::from_fn(|n| {
        let byte = u8::try_from(n + 1).unwrap();
        SecretKey::from_bytes(&[byte; 32]).unwrap().id()
    })
}

fn ended(receipts: &mut Receipts) -> Option<Ending> {
    let ended = receipts.poll_ended().map(|(_, ending)| ending);
    assert_eq!(receipts.poll_ended(), None, "once");
    ended
}

fn nobody(_: &Hash) -> Nobody {
    Nobody::NoPeers
}

fn cut() -> Refusal {
    Refusal::Disconnected(DisconnectReason::Subprotocol)
}

#[test]
fn a_peer_that_stays_has_kept_it() {
    let (mut receipts, now, [a]) = (posted(1), Instant::now(), peers());
    assert!(receipts.handle_handed(now, &POST, a, false));
    assert_eq!(receipts.poll_timeout(), Some(now + STAY));
    receipts.handle_timeout(now + STAY - Duration::from_nanos(1));
    assert_eq!(ended(&mut receipts), None);
    receipts.handle_timeout(now + STAY);
    let delivered = Ending::Delivered { peers: 1, acknowledged: 0 };
    assert_eq!(ended(&mut receipts), Some(delivered.clone()));
    assert_eq!((receipts.ending(&POST), receipts.poll_timeout()), (Some(&delivered), None));
    receipts.handle_left(&a, Some(&cut()));
    receipts.handle_clock(EXPIRY + 1, nobody);
    assert_eq!(ended(&mut receipts), None, "what it did later is another matter");
}

#[test]
fn one_that_confirms_has_kept_it_when_it_says_so_and_not_before() {
    let (mut receipts, now, [a, b]) = (posted(2), Instant::now(), peers());
    receipts.handle_handed(now, &POST, a, true);
    receipts.handle_handed(now, &POST, b, false);
    receipts.handle_timeout(now + STAY * 9);
    assert_eq!(ended(&mut receipts), None);
    receipts.handle_acknowledged(&POST, &a);
    let delivered = Ending::Delivered { peers: 2, acknowledged: 1 };
    assert_eq!(ended(&mut receipts), Some(delivered));
}

#[test]
fn one_that_cuts_the_connection_has_refused_it() {
    let (mut receipts, now, [a, b]) = (posted(1), Instant::now(), peers());
    receipts.handle_handed(now, &POST, a, false);
    receipts.handle_handed(now, &POST, b, false);
    receipts.handle_left(&a, Some(&cut()));
    receipts.handle_left(&b, None);
    let progress = receipts.progress(&POST).unwrap();
    assert_eq!((progress.handed, progress.left), (2, 1));
    assert_eq!(progress.refused, Some((a, cut())));
    assert_eq!(ended(&mut receipts), None, "another peer may come");
    receipts.handle_clock(EXPIRY, nobody);
    assert_eq!(ended(&mut receipts), None, "it is alive in the second in which it expires");
    receipts.handle_clock(EXPIRY + 1, nobody);
    assert_eq!(ended(&mut receipts), Some(Ending::Refused { peer: a, why: cut() }));
}

#[test]
fn one_that_comes_back_is_handed_it_again_and_counts_once() {
    let (mut receipts, now, [a]) = (posted(2), Instant::now(), peers());
    receipts.handle_handed(now, &POST, a, false);
    receipts.handle_left(&a, None);
    receipts.handle_handed(now + STAY, &POST, a, false);
    receipts.handle_timeout(now + STAY * 2);
    receipts.handle_handed(now + STAY * 2, &POST, a, false);
    receipts.handle_timeout(now + STAY * 4);
    receipts.handle_clock(EXPIRY + 1, nobody);
    assert_eq!(ended(&mut receipts), Some(Ending::Expired { handed: 1, kept: 1 }));
}

#[test]
fn an_answer_is_a_refusal_too() {
    let (mut receipts, now, [a]) = (posted(1), Instant::now(), peers());
    let why = Refusal::Answered { code: 36, text: "sent from the future".into() };
    receipts.handle_refused(&POST, &a, why.clone());
    assert_eq!(receipts.progress(&POST).unwrap().refused, None, "it was not asked");
    receipts.handle_handed(now, &POST, a, true);
    receipts.handle_refused(&POST, &a, why.clone());
    receipts.handle_acknowledged(&POST, &a);
    receipts.handle_clock(EXPIRY + 1, nobody);
    assert_eq!(ended(&mut receipts), Some(Ending::Refused { peer: a, why }));
}

#[test]
fn nobody_is_asked_for_its_reason_at_the_end() {
    let mut receipts = posted(1);
    let why = Nobody::Unwanted(Unwanted { bloom: 3, ..Unwanted::default() });
    receipts.handle_clock(EXPIRY + 1, |_| why);
    assert_eq!(ended(&mut receipts), Some(Ending::Nobody(why)));
}

#[test]
fn the_pool_may_give_it_up() {
    let (mut receipts, now, [a]) = (posted(2), Instant::now(), peers());
    receipts.handle_handed(now, &POST, a, false);
    receipts.handle_timeout(now + STAY);
    receipts.handle_evicted(&[9; 32]);
    receipts.handle_evicted(&POST);
    assert_eq!(ended(&mut receipts), Some(Ending::Evicted { handed: 1, kept: 1 }));
}

#[test]
fn a_direct_message_ends_with_its_one_peer() {
    let (now, [a]) = (Instant::now(), peers());
    let direct = |why: Option<&Refusal>| {
        let mut receipts = receipts(3);
        receipts.handle_posted(POST, EXPIRY, true);
        receipts.handle_handed(now, &POST, a, false);
        receipts.handle_left(&a, why);
        receipts.handle_timeout(now + STAY);
        ended(&mut receipts)
    };
    assert_eq!(direct(None), Some(Ending::Left { peer: a }));
    assert_eq!(direct(Some(&cut())), Some(Ending::Refused { peer: a, why: cut() }));
    let mut receipts = receipts(3);
    receipts.handle_posted(POST, EXPIRY, true);
    receipts.handle_handed(now, &POST, a, false);
    receipts.handle_timeout(now + STAY);
    assert_eq!(ended(&mut receipts), Some(Ending::Delivered { peers: 1, acknowledged: 0 }));
}

#[test]
fn the_oldest_gives_way_and_the_last_endings_are_remembered() {
    let mut receipts = receipts(1);
    for number in 0..30 {
        receipts.handle_posted([number; 32], EXPIRY, false);
    }
    assert_eq!(receipts.len(), 8);
    for number in 0..22 {
        assert_eq!(receipts.poll_ended(), Some(([number; 32], Ending::Untracked)));
    }
    assert_eq!(receipts.poll_ended(), None);
    assert_eq!(receipts.ending(&[13; 32]), None);
    assert_eq!(receipts.ending(&[14; 32]), Some(&Ending::Untracked));
}

#[test]
fn a_crowd_of_peers_is_not_kept_in_full() {
    let (mut receipts, now) = (posted(2), Instant::now());
    let crowd: [NodeId; 200] = peers();
    for peer in crowd {
        receipts.handle_handed(now, &POST, peer, false);
    }
    assert_eq!(receipts.open[&POST].handed.len(), FOLLOWED);
    assert_eq!(receipts.progress(&POST).unwrap().handed, 200);
}

/// What can happen, of three peers and twelve posts, of which eight are followed.
#[derive(Debug, Clone, Copy)]
enum Happens {
    Posted { post: u8, life: u32, direct: bool },
    Handed { post: u8, peer: usize, confirms: bool },
    Acknowledged { post: u8, peer: usize },
    Refused { post: u8, peer: usize },
    Left { peer: usize, over_it: bool },
    Evicted { post: u8 },
    Passed { seconds: u32 },
}

fn happens() -> impl Strategy<Value = Happens> {
    let (post, peer) = (0..12_u8, 0..3_usize);
    prop_oneof![
        3 => (post.clone(), 0..9_u32, any::<bool>())
            .prop_map(|(post, life, direct)| Happens::Posted { post, life, direct }),
        5 => (post.clone(), peer.clone(), any::<bool>())
            .prop_map(|(post, peer, confirms)| Happens::Handed { post, peer, confirms }),
        2 => (post.clone(), peer.clone()).prop_map(|(post, peer)| Happens::Acknowledged { post, peer }),
        1 => (post.clone(), peer.clone()).prop_map(|(post, peer)| Happens::Refused { post, peer }),
        1 => (peer, any::<bool>()).prop_map(|(peer, over_it)| Happens::Left { peer, over_it }),
        1 => post.prop_map(|post| Happens::Evicted { post }),
        2 => (0..3_u32).prop_map(|seconds| Happens::Passed { seconds }),
    ]
}

/// The machine, what it must have ended, and what it did end.
struct Played {
    receipts: Receipts,
    start: Instant,
    now: u32,
    peers: [NodeId; 3],
    /// How often each hash began, and was handed to somebody since.
    began: HashMap<Hash, (usize, bool)>,
    ended: HashMap<Hash, usize>,
}

impl Played {
    fn play(&mut self, happens: Happens) -> Result<(), TestCaseError> {
        let instant = self.start + Duration::from_secs(self.now.into());
        let (peers, hash) = (self.peers, |post: u8| [post; 32]);
        match happens {
            Happens::Posted { post, life, direct } => {
                if !self.receipts.open.contains_key(&hash(post)) {
                    let began = self.began.entry(hash(post)).or_default();
                    *began = (began.0 + 1, false);
                }
                self.receipts.handle_posted(hash(post), self.now + life, direct);
            }
            Happens::Handed { post, peer, confirms } => {
                let open = self.receipts.open.contains_key(&hash(post));
                let taken =
                    self.receipts.handle_handed(instant, &hash(post), peers[peer], confirms);
                prop_assert_eq!(open, taken);
                if open && let Some(began) = self.began.get_mut(&hash(post)) {
                    began.1 = true;
                }
            }
            Happens::Acknowledged { post, peer } => {
                self.receipts.handle_acknowledged(&hash(post), &peers[peer]);
            }
            Happens::Refused { post, peer } => {
                self.receipts.handle_refused(&hash(post), &peers[peer], cut());
            }
            Happens::Left { peer, over_it } => {
                self.receipts.handle_left(&peers[peer], over_it.then(cut).as_ref());
            }
            Happens::Evicted { post } => self.receipts.handle_evicted(&hash(post)),
            Happens::Passed { seconds } => self.pass(seconds),
        }
        self.take_news()
    }

    fn pass(&mut self, seconds: u32) {
        self.now += seconds;
        self.receipts.handle_timeout(self.start + Duration::from_secs(self.now.into()));
        self.receipts.handle_clock(self.now, nobody);
    }

    fn take_news(&mut self) -> Result<(), TestCaseError> {
        while let Some((hash, ending)) = self.receipts.poll_ended() {
            *self.ended.entry(hash).or_default() += 1;
            let (began, handed) = self.began[&hash];
            prop_assert_eq!(self.ended[&hash], began, "once for each time it began");
            match ending {
                Ending::Nobody(_) => prop_assert!(!handed),
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
        let open = self.receipts.len();
        prop_assert!(open <= 8 && self.receipts.by_stay.len() <= open);
        prop_assert_eq!((self.receipts.by_age.len(), self.receipts.by_expiry.len()), (open, open));
        prop_assert!(self.receipts.ended.len() <= 8);
        prop_assert_eq!(self.receipts.ended.len(), self.receipts.ended_order.len());
        let open: HashSet<_> = self.receipts.open.keys().collect();
        prop_assert!(self.receipts.ended.keys().all(|hash| !open.contains(hash)), "not both");
        Ok(())
    }
}

proptest! {
    #[test]
    fn every_post_ends_in_exactly_one_state(
        schedule in prop::collection::vec(happens(), 0..200),
        by_stop in any::<bool>(),
    ) {
        let mut played = Played {
            receipts: receipts(2),
            start: Instant::now(),
            now: 0,
            peers: peers(),
            began: HashMap::new(),
            ended: HashMap::new(),
        };
        for happens in schedule {
            played.play(happens)?;
        }
        if by_stop { played.receipts.stop() } else { played.pass(20) }
        played.take_news()?;
        prop_assert_eq!(played.receipts.len(), 0);
        for (hash, (began, _)) in &played.began {
            prop_assert_eq!(played.ended.get(hash), Some(began));
        }
    }
}

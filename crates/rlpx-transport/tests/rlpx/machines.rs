//! Two machines in one thread, with any chunking of what passes between them, and with a network
//! that loses, repeats and reorders it.

use crate::peers::{key, rng};
use bytes::BytesMut;
use p2p_identity::NodeId;
use proptest::prelude::*;
use rlpx_transport::{HandshakeStep, Initiator, Recipient, Session};

/// The state of one side.
enum End {
    Initiator(Initiator),
    Recipient(Recipient),
    Connected(Session),
    /// It received bytes that the other side did not send, and accepts no more.
    Refused,
}

/// One side, with its received and sent bytes.
struct Peer {
    end: End,
    input: BytesMut,
    output: BytesMut,
    /// Codes still to be sent, once connected.
    unsent: Vec<u64>,
    heard: Vec<(u64, usize)>,
}

impl Peer {
    fn new(end: End, unsent: Vec<u64>) -> Self {
        Self { end, input: BytesMut::new(), output: BytesMut::new(), unsent, heard: Vec::new() }
    }

    /// Processes everything received.
    fn drive(mut self) -> Self {
        let end = std::mem::replace(&mut self.end, End::Refused);
        self.end = match end {
            End::Initiator(initiator) => match initiator.handle(&mut self.input) {
                Ok(HandshakeStep::NeedMore(initiator)) => End::Initiator(initiator),
                Ok(HandshakeStep::Done(session)) => End::Connected(session),
                Err(_) => End::Refused,
            },
            End::Recipient(recipient) => match recipient.handle(&mut self.input, &mut rng(3)) {
                Ok(HandshakeStep::NeedMore(recipient)) => End::Recipient(recipient),
                Ok(HandshakeStep::Done(accepted)) => {
                    self.output.extend_from_slice(&accepted.ack);
                    End::Connected(accepted.session)
                }
                Err(_) => End::Refused,
            },
            End::Connected(session) => self.talk(session),
            End::Refused => End::Refused,
        };
        self
    }

    /// Sends one message and reads all received.
    fn talk(&mut self, mut session: Session) -> End {
        if let Some(code) = self.unsent.pop() {
            let payload = vec![0xc0; usize::try_from(code % 5000).unwrap()];
            session.sealer.seal(code, &payload, &mut self.output).unwrap();
        }
        loop {
            match session.opener.open(&mut self.input) {
                Ok(Some(message)) => self.heard.push((message.code, message.payload.len())),
                Ok(None) => return End::Connected(session),
                Err(_) => return End::Refused,
            }
        }
    }

    /// The id of the other side, if connected.
    fn remote(&self) -> Option<NodeId> {
        match &self.end {
            End::Connected(session) => Some(session.remote),
            _ => None,
        }
    }
}

/// A dials B; with the codes that each will send.
fn ends(to_b: &[u64], to_a: &[u64]) -> (Peer, Peer) {
    let (initiator, auth) = Initiator::start(&key(1), &key(2).public_key(), &mut rng(2));
    let mut a = Peer::new(End::Initiator(initiator), to_b.to_vec());
    a.output.extend_from_slice(&auth);
    (a, Peer::new(End::Recipient(Recipient::new(&key(2))), to_a.to_vec()))
}

/// The messages that the other side must receive.
fn told(codes: &[u64]) -> Vec<(u64, usize)> {
    codes.iter().rev().map(|code| (*code, usize::try_from(code % 5000).unwrap())).collect()
}

/// What the network does with a chunk.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    IsLost,
    ArrivesTwice,
    /// It comes after the next chunk that arrives.
    IsOvertaken,
}

impl Fate {
    fn carry(self, chunk: &[u8], held: &mut BytesMut, input: &mut BytesMut) {
        match self {
            Self::IsLost => return,
            Self::IsOvertaken => return held.extend_from_slice(chunk),
            Self::Arrives => input.extend_from_slice(chunk),
            Self::ArrivesTwice => input.extend_from_slice(&chunk.repeat(2)),
        }
        input.extend_from_slice(&held.split());
    }
}

/// Mostly delivered, so that some connections get far.
fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        30 => Just(Fate::Arrives),
        1 => Just(Fate::IsLost),
        1 => Just(Fate::ArrivesTwice),
        1 => Just(Fate::IsOvertaken),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn they_agree_however_the_bytes_are_cut(
        to_b in proptest::collection::vec(any::<u64>(), 0..8),
        to_a in proptest::collection::vec(any::<u64>(), 0..8),
        chunks in proptest::collection::vec((any::<bool>(), 0..700usize), 1..50),
    ) {
        let (mut a, mut b) = ends(&to_b, &to_a);
        // First by the fate of each chunk, then everything left, until nothing changes.
        let rest = [(true, usize::MAX), (false, usize::MAX)];
        for (from_a, size) in chunks.into_iter().chain(rest.into_iter().cycle().take(60)) {
            let (from, to) = if from_a { (&mut a, &mut b) } else { (&mut b, &mut a) };
            let size = size.min(from.output.len());
            to.input.extend_from_slice(&from.output.split_to(size));
            (a, b) = (a.drive(), b.drive());
        }
        prop_assert_eq!(a.heard, told(&to_a));
        prop_assert_eq!(b.heard, told(&to_b));
    }

    /// What is heard is what was said, in that order and from the beginning, or nothing: no loss,
    /// repetition or exchange of bytes makes a machine panic or believe anything else.
    #[test]
    fn they_never_disagree_whatever_the_network_does(
        to_b in proptest::collection::vec(any::<u64>(), 0..8),
        to_a in proptest::collection::vec(any::<u64>(), 0..8),
        chunks in proptest::collection::vec((any::<bool>(), 1..900usize, fate()), 1..60),
    ) {
        let (mut a, mut b) = ends(&to_b, &to_a);
        let (mut held_from_a, mut held_from_b) = (BytesMut::new(), BytesMut::new());
        for (from_a, size, fate) in chunks {
            let (from, to, held) = if from_a {
                (&mut a, &mut b, &mut held_from_a)
            } else {
                (&mut b, &mut a, &mut held_from_b)
            };
            let chunk = from.output.split_to(size.min(from.output.len()));
            fate.carry(&chunk, held, &mut to.input);
            (a, b) = (a.drive(), b.drive());
            prop_assert!(told(&to_a).starts_with(&a.heard), "{:?}", a.heard);
            prop_assert!(told(&to_b).starts_with(&b.heard), "{:?}", b.heard);
            prop_assert!(a.remote().is_none_or(|remote| remote == key(2).id()));
            prop_assert!(b.remote().is_none_or(|remote| remote == key(1).id()));
        }
    }
}

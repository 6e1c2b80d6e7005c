//! Two machines in one thread, with any chunking of what passes between them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod common;

use bytes::BytesMut;
use common::{key, rng};
use proptest::prelude::*;
use rlpx_transport::{Initiator, Recipient, Session, Step};

/// Where an end stands.
#[expect(clippy::large_enum_variant, reason = "there are two of them")]
enum End {
    Initiator(Initiator),
    Recipient(Recipient),
    Connected(Session),
}

/// One end with what it has received and what it sends.
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

    /// Does all it can with what it has.
    fn drive(mut self) -> Self {
        self.end = match self.end {
            End::Initiator(initiator) => match initiator.handle(&mut self.input).unwrap() {
                Step::NeedMore(initiator) => End::Initiator(initiator),
                Step::Done(session) => End::Connected(session),
            },
            End::Recipient(recipient) => {
                match recipient.handle(&mut self.input, &mut rng(3)).unwrap() {
                    Step::NeedMore(recipient) => End::Recipient(recipient),
                    Step::Done(accepted) => {
                        self.output.extend_from_slice(&accepted.ack);
                        End::Connected(accepted.session)
                    }
                }
            }
            End::Connected(mut session) => {
                if let Some(code) = self.unsent.pop() {
                    let payload = vec![0xc0; usize::try_from(code % 5000).unwrap()];
                    session.sealer.seal(code, &payload, &mut self.output).unwrap();
                }
                while let Some(message) = session.opener.open(&mut self.input).unwrap() {
                    self.heard.push((message.code, message.payload.len()));
                }
                End::Connected(session)
            }
        };
        self
    }
}

/// What the other end must have heard.
fn told(codes: &[u64]) -> Vec<(u64, usize)> {
    codes.iter().rev().map(|code| (*code, usize::try_from(code % 5000).unwrap())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn they_agree_however_the_bytes_are_cut(
        to_b in proptest::collection::vec(any::<u64>(), 0..8),
        to_a in proptest::collection::vec(any::<u64>(), 0..8),
        chunks in proptest::collection::vec((any::<bool>(), 0..700usize), 1..50),
    ) {
        let (initiator, auth) = Initiator::start(&key(1), &key(2).public_key(), &mut rng(2));
        let mut a = Peer::new(End::Initiator(initiator), to_b.clone());
        a.output.extend_from_slice(&auth);
        let mut b = Peer::new(End::Recipient(Recipient::new(&key(2))), to_a.clone());

        // As the chunks say, then all that is left until nothing moves any more.
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
}

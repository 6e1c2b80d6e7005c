//! No error contains the text of its cause, so that a printed chain of causes repeats nothing.
//!
//! The errors of this crate have these variants with a cause; the other public errors have none.

use p2p_identity::test_util::check_causes;
use p2p_mux::rlp::Item;
use proptest::prelude::*;
use whisper_envelope::{DraftError, EnvelopeError};
use whisper_pow::{SealError, WorkError};
use whisper_protocol::{PostError, RejectReason, Work, packet::PacketError};

fn work() -> impl Strategy<Value = Work> {
    (0.0..1e9).prop_map(|amount| Work::new(amount).unwrap())
}

fn reject_reasons() -> impl Strategy<Value = RejectReason> {
    prop_oneof![
        Just(RejectReason::ZeroTtl),
        Just(RejectReason::TtlBeyondExpiry),
        any::<u32>().prop_map(|ahead| RejectReason::FromTheFuture { ahead }),
        Just(RejectReason::Expired),
        Just(RejectReason::VeryOld),
        any::<(usize, u32)>().prop_map(|(size, limit)| RejectReason::TooLarge { size, limit }),
        (work(), work()).prop_map(|(work, required)| RejectReason::LowWork { work, required }),
        Just(RejectReason::OutsideBloom),
        Just(RejectReason::PoolFull),
    ]
}

fn seal_errors() -> impl Strategy<Value = SealError> {
    prop_oneof![
        Just(SealError::Work(WorkError::ZeroTtl)),
        Just(SealError::Unreachable),
        (work(), any::<u64>()).prop_map(|(best, hashes)| SealError::OutOfTime { best, hashes }),
        Just(SealError::Busy),
        Just(SealError::NoThread),
    ]
}

fn draft_errors() -> impl Strategy<Value = DraftError> {
    prop_oneof![
        Just(DraftError::ZeroTtl),
        Just(DraftError::ExpiryOverflow),
        any::<(usize, usize)>().prop_map(|(len, max)| DraftError::PayloadTooLong { len, max }),
        any::<(usize, usize)>().prop_map(|(len, max)| DraftError::PaddingTooLong { len, max }),
    ]
}

proptest! {
    #[test]
    fn every_cause_of_a_post_error_is_printed_once(
        rejected in reject_reasons(),
        seal in seal_errors(),
        draft in draft_errors(),
    ) {
        let errors =
            [PostError::Rejected(rejected), PostError::Seal(seal), PostError::Draft(draft)];
        for error in errors {
            let has_cause = matches!(error, PostError::Rejected(_) | PostError::Seal(_));
            prop_assert!(check_causes(&error) > usize::from(has_cause), "{error} has a cause");
        }
    }

    #[test]
    fn every_cause_of_a_packet_error_is_printed_once(bytes in prop::collection::vec(any::<u8>(), 0..4)) {
        let rlp = Item::parse(&bytes).and_then(|item| item.uint::<u8>()).err();
        if let Some(error) = rlp {
            check_causes(&PacketError::Rlp(error));
            let error = PacketError::Envelope(EnvelopeError::Rlp(error));
            prop_assert_eq!(check_causes(&error), 2);
        }
    }
}

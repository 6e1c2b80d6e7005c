//! No error contains the text of its cause, so that a printed chain of causes repeats nothing.
//!
//! Each list has every variant of an error with every kind of cause. The `match` beside it states
//! which variants have a cause; a new variant does not compile before it is added there.

use std::{error::Error, io::ErrorKind};

use p2p_identity::{NodeId, test_util::check_causes};
use rlpx_transport::FrameError;

use crate::{
    ChunkError, CloseReason, DecodeError, DisconnectReason, HelloError, LostReason, ProtocolBreach,
    SendError,
};

/// Asserts that the error has a cause if it should, and prints no text twice.
fn check(error: &(dyn Error + 'static), has_cause: bool) {
    assert_eq!(check_causes(error) > 1, has_cause, "{error:?}");
}

/// Errors of the RLP decoder of several kinds.
fn rlp_errors() -> Vec<rlp_codec::Error> {
    let malformed: [&[u8]; 6] =
        [&[], &[0x80, 0], &[0x00], &[0x81, 0x01], &[0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1], &[0xc0]];
    malformed.map(|payload| rlp_codec::decode::<u64>(payload).unwrap_err()).into()
}

fn send_errors() -> [SendError; 4] {
    [
        SendError::Closed,
        SendError::Full,
        SendError::NoSuchCode { code: 9, length: 8 },
        SendError::TooLarge { length: 1 << 24 },
    ]
}

fn chunk_errors() -> Vec<ChunkError> {
    let malformed = rlp_errors().into_iter().map(ChunkError::Malformed);
    let others = [
        ChunkError::TooLong(40_000),
        ChunkError::Empty,
        ChunkError::UnknownId { id: 99 },
        ChunkError::Oversized { length: 9, limit: 8 },
        ChunkError::Unfinished { id: 17 },
        ChunkError::NotBegun { id: 17 },
        ChunkError::Overrun { id: 17 },
    ];
    malformed.chain(others).collect()
}

fn frame_errors() -> Vec<FrameError> {
    let cause = rlpx_transport::SnappyError::Corrupt;
    let message = rlpx_transport::Message { code: 17, payload: bytes::Bytes::new() };
    let mut errors = vec![
        FrameError::TooLarge { size: 9, limit: 8 },
        FrameError::HeaderMac,
        FrameError::BodyMac,
        FrameError::Empty,
        FrameError::Oversized { size: 9, limit: 8 },
        FrameError::Snappy { cause, message },
        FrameError::Failed,
    ];
    errors.extend(rlp_errors().into_iter().map(FrameError::Code));
    errors
}

fn has_frame_cause(error: &FrameError) -> bool {
    matches!(error, FrameError::Code(_) | FrameError::Snappy { .. })
}

fn breaches() -> Vec<ProtocolBreach> {
    let frames = frame_errors().into_iter().map(ProtocolBreach::Frame);
    let chunks = chunk_errors().into_iter().map(ProtocolBreach::Chunk);
    let others = [ProtocolBreach::UnknownCode { code: 99 }, ProtocolBreach::PingFlood];
    frames.chain(chunks).chain(others).collect()
}

fn lost_reasons() -> [LostReason; 3] {
    [LostReason::Eof, LostReason::Io(ErrorKind::ConnectionReset), LostReason::WriteStalled]
}

fn hello_errors() -> Vec<HelloError> {
    let malformed = rlp_errors().into_iter().map(HelloError::Malformed);
    let others = [
        HelloError::TooLong(3000),
        HelloError::Version(3),
        HelloError::NullIdentity,
        HelloError::Identity(NodeId([7; 64])),
    ];
    malformed.chain(others).collect()
}

#[test]
fn send_errors_have_no_cause() {
    for error in send_errors() {
        check(&error, false);
    }
}

#[test]
fn decode_errors_do_not_repeat_their_cause() {
    let payloads = rlp_errors().into_iter().map(DecodeError::Payload);
    for error in payloads.chain([DecodeError::UnknownCode(9)]) {
        let has_cause = match error {
            DecodeError::Payload(_) => true,
            DecodeError::UnknownCode(_) => false,
        };
        check(&error, has_cause);
    }
}

#[test]
fn chunk_errors_do_not_repeat_their_cause() {
    for error in chunk_errors() {
        let has_cause = match error {
            ChunkError::Malformed(_) => true,
            ChunkError::TooLong(_)
            | ChunkError::Empty
            | ChunkError::UnknownId { .. }
            | ChunkError::Oversized { .. }
            | ChunkError::Unfinished { .. }
            | ChunkError::NotBegun { .. }
            | ChunkError::Overrun { .. } => false,
        };
        check(&error, has_cause);
    }
}

#[test]
fn breaches_do_not_repeat_their_cause() {
    for error in breaches() {
        let has_cause = match &error {
            ProtocolBreach::Chunk(_) => true,
            // Transparent: its cause is the cause of the frame error.
            ProtocolBreach::Frame(frame) => has_frame_cause(frame),
            ProtocolBreach::UnknownCode { .. } | ProtocolBreach::PingFlood => false,
        };
        check(&error, has_cause);
    }
}

#[test]
fn close_reasons_do_not_repeat_their_cause() {
    let breaches = breaches().into_iter().map(CloseReason::Breach);
    let lost = lost_reasons().map(CloseReason::Lost);
    let others = [
        CloseReason::ByPeer(DisconnectReason::Requested),
        CloseReason::ByUs(DisconnectReason::Requested),
        CloseReason::ExceededShare { held: 9, share: 8 },
    ];
    for error in breaches.chain(lost).chain(others) {
        let has_cause = match error {
            CloseReason::Breach(_) | CloseReason::Lost(_) => true,
            CloseReason::ByPeer(_) | CloseReason::ByUs(_) | CloseReason::ExceededShare { .. } => {
                false
            }
        };
        check(&error, has_cause);
    }
}

#[test]
fn hello_errors_do_not_repeat_their_cause() {
    for error in hello_errors() {
        let has_cause = match error {
            HelloError::Malformed(_) => true,
            HelloError::TooLong(_)
            | HelloError::Version(_)
            | HelloError::NullIdentity
            | HelloError::Identity(_) => false,
        };
        check(&error, has_cause);
    }
}

#[cfg(feature = "tokio")]
mod over_tokio {
    use super::*;
    use crate::{Capability, Exit, HelloExchangeError, RequestError, protocol::ExitError};

    #[test]
    fn hello_exchange_errors_do_not_repeat_their_cause() {
        let hellos = hello_errors().into_iter().map(HelloExchangeError::Hello);
        let frames = frame_errors().into_iter().map(HelloExchangeError::Frame);
        let lost = lost_reasons().map(HelloExchangeError::Lost);
        let others = [
            HelloExchangeError::Timeout,
            HelloExchangeError::Refused(DisconnectReason::TooManyPeers),
            HelloExchangeError::Unexpected { code: 2 },
            HelloExchangeError::Useless(vec![Capability::new("eth", 63)]),
            HelloExchangeError::Downgraded,
            HelloExchangeError::OwnHello(3000),
        ];
        for error in hellos.chain(frames).chain(lost).chain(others) {
            let has_cause = match &error {
                // Transparent: their cause is the cause of the inner error.
                HelloExchangeError::Hello(hello) => matches!(hello, HelloError::Malformed(_)),
                HelloExchangeError::Frame(frame) => has_frame_cause(frame),
                HelloExchangeError::Lost(_)
                | HelloExchangeError::Timeout
                | HelloExchangeError::Refused(_)
                | HelloExchangeError::Unexpected { .. }
                | HelloExchangeError::Useless(_)
                | HelloExchangeError::Downgraded
                | HelloExchangeError::OwnHello(_) => false,
            };
            check(&error, has_cause);
        }
    }

    #[test]
    fn exits_do_not_repeat_their_cause() {
        let decode = rlp_errors().into_iter().map(Exit::Decode);
        let send = send_errors().map(Exit::Send);
        let disconnect = Exit::Disconnect(DisconnectReason::Subprotocol);
        let others = [Exit::UnexpectedCode(9), disconnect, Exit::failed("a full disk")];
        for error in decode.chain(send).chain(others) {
            let has_cause = match error {
                Exit::Decode(_) | Exit::Send(_) | Exit::Failed(_) => true,
                Exit::UnexpectedCode(_) | Exit::Disconnect(_) => false,
            };
            check(&ExitError(error), has_cause);
        }
    }

    #[test]
    fn request_errors_do_not_repeat_their_cause() {
        let send = send_errors().map(RequestError::Send);
        for error in send.into_iter().chain([RequestError::TimedOut, RequestError::Closed]) {
            let has_cause = match error {
                RequestError::Send(_) => true,
                RequestError::TimedOut | RequestError::Closed => false,
            };
            check(&error, has_cause);
        }
    }
}

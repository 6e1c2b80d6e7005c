//! No error contains the text of its cause, so that a printed chain of causes repeats nothing.

use std::error::Error;

use p2p_identity::ecies::EciesError;
use p2p_identity::test_util::check_causes;
use p2p_identity::{KeyError, SignatureError};
use rlp_codec::ErrorKind;
use rlpx_transport::{FrameError, HandshakeError, Message, SnappyError};

/// Checks that the error has a cause, and prints no text twice.
fn check(error: &(dyn Error + 'static)) {
    assert!(check_causes(error) > 1, "{error:?} does not return its cause");
}

fn handshake_errors() -> Vec<HandshakeError> {
    vec![
        HandshakeError::Sealed(EciesError::WrongTag),
        HandshakeError::Message(ErrorKind::Truncated.at(0)),
        HandshakeError::Key(KeyError::NotOnCurve),
        HandshakeError::Signature(SignatureError::NoSigner),
    ]
}

fn frame_errors() -> Vec<FrameError> {
    let message = Message { code: 16, payload: bytes::Bytes::new() };
    vec![
        FrameError::Code(ErrorKind::LeadingZero.at(0)),
        FrameError::Snappy { cause: SnappyError::Corrupt, message },
    ]
}

/// All variants that have a cause.
#[test]
fn every_cause_is_printed_once() {
    handshake_errors().iter().for_each(|error| check(error));
    frame_errors().iter().for_each(|error| check(error));
}

#[cfg(feature = "tokio")]
#[test]
fn every_cause_of_a_stream_is_printed_once() {
    use std::io;

    use rlpx_transport::{ConnectError, StreamError};

    let io = || io::Error::new(io::ErrorKind::ConnectionReset, "reset by the peer");
    check(&StreamError::Io(io()));
    check(&ConnectError::Io(io()));
    check(&ConnectError::RemoteKey(KeyError::NotOnCurve));
    // Transparent: the text and the causes are those of the inner error.
    frame_errors().into_iter().for_each(|error| check(&StreamError::Frame(error)));
    handshake_errors().into_iter().for_each(|error| check(&ConnectError::Handshake(error)));
}

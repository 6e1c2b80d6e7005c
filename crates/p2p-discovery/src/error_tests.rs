//! No error prints the text of its cause, so that a printed chain of errors repeats nothing.

use core::error::Error;

use p2p_identity::{RecordError, SignatureError, test_util::check_causes};

use crate::dns::{LinkError, TreeEntryError};
use crate::v4::DatagramError;

/// Asserts that the error has a cause, and prints no text twice.
fn assert_chain(error: &(dyn Error + 'static)) {
    assert!(check_causes(error) > 1, "{error:?} does not return its cause");
}

/// Asserts for every variant with a cause; a new variant must be added to the match.
#[test]
fn datagram_errors_do_not_repeat_their_cause() {
    for error in [
        DatagramError::Body(rlp_codec::decode_list(&[0x80], |_| Ok(())).unwrap_err()),
        DatagramError::Signature(SignatureError::NoSigner),
    ] {
        match error {
            DatagramError::Body(_) | DatagramError::Signature(_) => assert_chain(&error),
            DatagramError::TooShort { .. }
            | DatagramError::TooLong { .. }
            | DatagramError::Kind(_)
            | DatagramError::Hash => unreachable!("these have no cause"),
        }
    }
}

#[test]
fn entry_errors_do_not_repeat_their_cause() {
    for error in
        [TreeEntryError::Record(RecordError::Base64), TreeEntryError::Link(LinkError::NoName)]
    {
        match error {
            TreeEntryError::Record(_) | TreeEntryError::Link(_) => assert_chain(&error),
            TreeEntryError::TooLong { .. }
            | TreeEntryError::Unknown
            | TreeEntryError::Label { .. } => unreachable!("these have no cause"),
        }
    }
}

#[cfg(feature = "tokio")]
#[test]
fn discv4_errors_do_not_repeat_their_cause() {
    use crate::discv4::{Discv4Error, RequestError};

    let io = || std::io::Error::from(std::io::ErrorKind::AddrInUse);
    let addr = "127.0.0.1:30303".parse().unwrap();
    for error in [
        Discv4Error::Bind { addr, source: io() },
        Discv4Error::LocalAddr(io()),
        Discv4Error::Record(RecordError::ForeignKey),
    ] {
        match error {
            Discv4Error::Bind { .. } | Discv4Error::LocalAddr(_) | Discv4Error::Record(_) => {
                assert_chain(&error);
            }
        }
    }
    for error in [RequestError::Name(io()), RequestError::Record(RecordError::ForeignKey)] {
        match error {
            RequestError::Name(_) | RequestError::Record(_) => assert_chain(&error),
            RequestError::Busy(_)
            | RequestError::NoAnswer(_)
            | RequestError::Address(_)
            | RequestError::NotFound
            | RequestError::Stopped => unreachable!("these have no cause"),
        }
    }
}

#[cfg(feature = "discv5")]
#[test]
fn discv5_errors_do_not_repeat_their_cause() {
    use crate::discv5::Discv5Error;

    let source = std::io::Error::from(std::io::ErrorKind::AddrInUse);
    let addr = "127.0.0.1:30303".parse().unwrap();
    for error in [Discv5Error::Bind { addr, source }, Discv5Error::Record(RecordError::ForeignKey)]
    {
        match error {
            Discv5Error::Bind { .. } | Discv5Error::Record(_) => assert_chain(&error),
            Discv5Error::NotAccepted(_) | Discv5Error::Start(_) => {
                unreachable!("these have no cause")
            }
        }
    }
}

#[cfg(feature = "dns")]
#[test]
fn list_errors_do_not_repeat_their_cause() {
    use crate::dns::{ListsError, ResolverError};
    use hickory_resolver::net::NetError;

    let io = std::io::Error::from(std::io::ErrorKind::NotFound);
    // The resolver's own error prints this cause and returns it too.
    let number = "x".parse::<u8>().unwrap_err();
    for error in [
        ListsError::System(ResolverError::new(NetError::from("no server"))),
        ListsError::System(io.into()),
        ListsError::Resolver(ResolverError::new(NetError::from(number))),
    ] {
        match error {
            ListsError::System(_) | ListsError::Resolver(_) => assert_chain(&error),
        }
    }
}

//! No error contains the text of its cause, so that a printed chain of causes repeats nothing.
//!
//! The lists below have every variant that has a cause: a `match` over all variants says which ones have, so
//! a new variant does not compile before it is added there.

use std::io;

use p2p_identity::test_util::check_causes;
use p2p_mux::{HelloExchangeError, transport::ConnectError};

use crate::{
    DialError, ProxyError, ProxyRefuseReason, RefuseReason, StartError,
    access::{Exclusion, ExclusionReason},
};

fn denied() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "permission denied")
}

fn proxy_errors() -> Vec<ProxyError> {
    let reasons = [
        ProxyRefuseReason::Failure,
        ProxyRefuseReason::Forbidden,
        ProxyRefuseReason::NetworkUnreachable,
        ProxyRefuseReason::HostUnreachable,
        ProxyRefuseReason::ConnectionRefused,
        ProxyRefuseReason::TimedOut,
        ProxyRefuseReason::Unsupported,
    ];
    let mut errors = vec![
        ProxyError::Unreachable(denied()),
        ProxyError::Lost(denied()),
        ProxyError::NotSocks,
        ProxyError::LoginWanted,
        ProxyError::LoginRefused,
        ProxyError::NameTooLong,
    ];
    errors.extend(reasons.map(ProxyError::Refused));
    errors
}

#[test]
fn every_cause_of_a_proxy_error_is_printed_once() {
    for error in proxy_errors() {
        let has_cause = match error {
            ProxyError::Unreachable(_) | ProxyError::Lost(_) | ProxyError::Refused(_) => true,
            ProxyError::NotSocks
            | ProxyError::LoginWanted
            | ProxyError::LoginRefused
            | ProxyError::NameTooLong => false,
        };
        assert_eq!(check_causes(&error) > 1, has_cause, "{error:?}");
    }
}

#[test]
fn every_cause_of_a_dial_error_is_printed_once() {
    let mut errors = vec![
        DialError::Resolve(denied()),
        DialError::Connect(denied()),
        DialError::Timeout,
        DialError::Handshake(ConnectError::Io(denied())),
        DialError::Hello(HelloExchangeError::Timeout),
        DialError::Panicked,
    ];
    errors.extend(proxy_errors().into_iter().map(DialError::Proxy));
    errors.extend(RefuseReason::ALL.map(DialError::Refused));
    for error in errors {
        let has_cause = match error {
            DialError::Resolve(_)
            | DialError::Connect(_)
            | DialError::Proxy(_)
            | DialError::Handshake(_)
            | DialError::Hello(_)
            | DialError::Refused(_) => true,
            DialError::Timeout | DialError::Panicked => false,
        };
        assert_eq!(check_causes(&error) > 1, has_cause, "{error:?}");
    }
}

fn start_errors() -> Vec<StartError> {
    let addr = ([192, 0, 2, 1], 30_303).into();
    vec![
        StartError::BadAddress { given: "nowhere".into(), source: denied() },
        StartError::Listen { addr, source: denied() },
        #[cfg(feature = "store")]
        StartError::Store(crate::StoreError::Failed {
            what: "the database",
            path: "nodes".into(),
            source: node_store::redb::Error::Io(denied()).into(),
        }),
        #[cfg(feature = "discovery")]
        StartError::Discovery(p2p_discovery::Discv4Error::Bind { addr, source: denied() }),
        #[cfg(feature = "discv5")]
        StartError::Discv5(p2p_discovery::Discv5Error::Bind { addr, source: denied() }),
        #[cfg(feature = "dns")]
        StartError::Lists(p2p_discovery::dns::ListsError::System(denied().into())),
    ]
}

#[test]
fn every_cause_of_a_start_error_is_printed_once() {
    for error in start_errors() {
        match error {
            StartError::BadAddress { .. } | StartError::Listen { .. } => {}
            // Transparent: the text and the causes are those of the inner error.
            #[cfg(feature = "store")]
            StartError::Store(_) => {}
            #[cfg(feature = "discovery")]
            StartError::Discovery(_) => {}
            #[cfg(feature = "discv5")]
            StartError::Discv5(_) => {}
            #[cfg(feature = "dns")]
            StartError::Lists(_) => {}
            StartError::AddressInUse { .. }
            | StartError::NatUnsupported(_)
            | StartError::SecUnsupported
            | StartError::HelloTooLong { .. }
            | StartError::ProtocolName(_)
            | StartError::DuplicateProtocol(_) => panic!("{error:?} has no cause"),
        }
        assert!(check_causes(&error) > 1, "{error:?} does not return its cause");
    }
}

#[test]
fn an_exclusion_is_refused_for_the_same_reason() {
    for (reason, expected) in [
        (ExclusionReason::Restricted, RefuseReason::Restricted),
        (ExclusionReason::NotAllowed, RefuseReason::NotAllowed),
        (ExclusionReason::Banned, RefuseReason::Banned),
    ] {
        assert_eq!(RefuseReason::from(Exclusion { reason, until: None }), expected);
    }
}

//! No public error prints the text of its cause, so that a printed chain of errors repeats nothing.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use jsonrpsee::RpcModule;
use p2p_identity::test_util::check_causes;
use whisper_protocol::StateError;

use crate::{RpcError, Tls, TlsError, Token, TokenError, Transport, WebNameError, WebSetting};

/// Asserts that the error has a cause, and prints no text twice.
fn assert_chain(error: &(dyn Error + 'static)) {
    assert!(check_causes(error) > 1, "{error:?} does not return its cause");
}

/// Asserts for every variant with a cause; a new variant must be added to the match.
#[test]
fn start_errors_do_not_repeat_their_cause() {
    let io = || io::Error::from(io::ErrorKind::PermissionDenied);
    let mut module = RpcModule::new(());
    module.register_method("twice", |_, (), _| true).unwrap();
    let twice = module.register_method("twice", |_, (), _| true).map(drop).unwrap_err();
    let address = "127.0.0.1:8545".parse().unwrap();
    for error in [
        RpcError::Bind { transport: Transport::Http, address, source: io() },
        RpcError::IpcBind { path: "node.ipc".into(), source: io() },
        RpcError::Methods(twice),
        RpcError::State(StateError::new(RpcError::IpcBind {
            path: "node.ipc".into(),
            source: io(),
        })),
        RpcError::WebName {
            setting: WebSetting::Cors,
            name: "x".to_owned(),
            source: WebNameError::Origin,
        },
    ] {
        match error {
            RpcError::Bind { .. }
            | RpcError::IpcBind { .. }
            | RpcError::Methods(_)
            | RpcError::State(_)
            | RpcError::WebName { .. } => {
                assert_chain(&error);
            }
            RpcError::AddressInUse { .. }
            | RpcError::IpcInUse { .. }
            | RpcError::IpcNotASocket { .. }
            | RpcError::IpcPath { .. } => unreachable!("these have no cause"),
        }
    }
}

#[test]
fn token_errors_do_not_repeat_their_cause() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("no/folder");
    for error in [
        Token::load_or_create(folder.path()).unwrap_err(),
        Token::load_or_create(nowhere).unwrap_err(),
    ] {
        match error {
            TokenError::Read { .. } | TokenError::Write { .. } => assert_chain(&error),
            TokenError::Form => unreachable!("it has no cause"),
        }
    }
}

fn tls_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

#[test]
fn tls_errors_do_not_repeat_their_cause() {
    let load = |certificate: &str, key: &str| Tls::load(&tls_file(certificate), &tls_file(key));
    for error in [
        load("nothing.pem", "key.pem").unwrap_err(),
        load("cert.pem", "README.md").unwrap_err(),
        TlsError::Unusable(tokio_rustls::rustls::Error::DecryptError),
    ] {
        match error {
            TlsError::Read { .. } | TlsError::Pem { .. } | TlsError::Unusable(_) => {
                assert_chain(&error);
            }
            TlsError::Mismatch => unreachable!("it has no cause"),
        }
    }
}

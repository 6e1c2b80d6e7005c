//! The door of HTTP and WebSocket: which requests and connections may enter.

use std::sync::Arc;

use http::HeaderMap;

use crate::team::accounts::Accounts;
use crate::team::credential::CertificateHash;
use crate::team::pass::Pass;
use crate::transport::token::{Token, shown, shown_in_handshake};

/// Which requests and connections may enter, and in which team they are.
#[derive(Debug)]
pub(crate) struct Door {
    /// The token of a node without teams, if it has one.
    pub(crate) token: Option<Token>,
    pub(crate) accounts: Arc<Accounts>,
}

impl Door {
    /// The pass of a request over HTTP.
    pub(crate) fn enter(
        &self,
        headers: &HeaderMap,
        certificate: Option<CertificateHash>,
    ) -> Option<Pass> {
        self.enter_with(shown(headers).as_slice(), certificate)
    }

    /// The pass of a WebSocket handshake. A web page shows its token as a sub-protocol.
    pub(crate) fn enter_ws(
        &self,
        headers: &HeaderMap,
        certificate: Option<CertificateHash>,
    ) -> Option<Pass> {
        self.enter_with(&shown_in_handshake(headers), certificate)
    }

    fn enter_with(&self, tokens: &[&str], certificate: Option<CertificateHash>) -> Option<Pass> {
        match &self.token {
            Some(token) if !tokens.iter().any(|shown| token.is(shown)) => None,
            _ => self.accounts.enter(tokens, certificate),
        }
    }
}

//! Reads what the JSON-RPC servers count, and what a client may see.

use std::sync::Arc;

use http::HeaderMap;
use p2p_mux::{HistogramSample, Sample};
use whisper_protocol::Receipt;

use crate::call::stats::{Counters, RpcStats};
use crate::namespace::shh::explanation_for;
use crate::team::accounts::{Accounts, usage};
use crate::team::pass::Pass;
use crate::transport::token::shown_in_handshake;
use crate::types::ExplanationJson;

/// Reads the counters of the JSON-RPC servers. It does not keep the servers running.
#[derive(Clone, Debug)]
pub struct RpcMeter {
    counters: Arc<Counters>,
    accounts: Arc<Accounts>,
}

/// What a client may see of a node.
#[derive(Clone, Debug)]
pub enum RpcView {
    /// Everything: the node has no teams, or the client shows the token of a team that administers it.
    Node,
    /// What belongs to one team.
    Team(TeamView),
}

/// What belongs to one team.
#[derive(Clone, Debug)]
pub struct TeamView(Pass);

impl RpcMeter {
    pub(crate) fn new(counters: Arc<Counters>, accounts: Arc<Accounts>) -> Self {
        Self { counters, accounts }
    }

    /// See [`RpcServer::stats`](crate::RpcServer::stats).
    #[must_use]
    pub fn stats(&self) -> RpcStats {
        self.counters.read()
    }

    /// Calls `each` with every histogram: how long calls take, by method.
    pub fn for_each_histogram(&self, mut each: impl FnMut(&HistogramSample<'_>)) {
        self.counters.timings.for_each(&mut each);
    }

    /// What a request may see, by the token in the header `Authorization` or in the sub-protocols of a WebSocket; `None`: nothing.
    #[must_use]
    pub fn view(&self, headers: &HeaderMap) -> Option<RpcView> {
        if !self.accounts.has_teams() {
            return Some(RpcView::Node);
        }
        let pass = self.accounts.enter(&shown_in_handshake(headers), None)?;
        Some(match pass.check().ok()?.scopes.admin {
            true => RpcView::Node,
            false => RpcView::Team(TeamView(pass)),
        })
    }

    /// Whether a request may see all of the node.
    #[must_use]
    pub fn may_see_all(&self, headers: &HeaderMap) -> bool {
        matches!(self.view(headers), Some(RpcView::Node))
    }

    /// Calls `each` with every counter of every team. The label `team` is its name; of more than 100 teams, those behind the
    /// 100th by name are counted together as `others`.
    pub fn for_each_team_sample(&self, each: impl FnMut(&Sample<'_>)) {
        usage::for_each_sample(&self.accounts.all(), each);
    }
}

impl TeamView {
    /// The name of the team.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.account.team().name.as_str().to_owned()
    }

    /// Whether the token is still valid.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.0.check().is_ok()
    }

    /// The receipts of the posts of the team, the newest first, at most `most`, while the node remembers them.
    #[must_use]
    pub fn latest_posts(&self, most: usize) -> Vec<Receipt> {
        self.0.account.latest_posts(most)
    }

    /// Calls `each` with every counter of the team.
    pub fn for_each_sample(&self, each: impl FnMut(&Sample<'_>)) {
        usage::for_each_sample(std::slice::from_ref(&self.0.account), each);
    }

    /// What the team may know of an envelope, with its own filters, as `shh_explain` says it. It tries filters, which takes time.
    #[must_use]
    pub fn explain(&self, hash: &[u8; 32]) -> Option<ExplanationJson> {
        let team = self.0.check().ok()?;
        Some(explanation_for(&self.0.account, &team.scopes, hash))
    }

    /// Whether the team may ask other nodes about an envelope: it is a post of the team that the node remembers.
    #[must_use]
    pub fn may_trace(&self, hash: &[u8; 32]) -> bool {
        self.is_valid() && self.0.account.receipt(hash).is_some()
    }
}

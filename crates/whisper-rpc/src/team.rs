//! Teams: several groups of clients that share a node and cannot see each other.
//!
//! A client shows a token or a certificate, which belongs to a team. What the client makes belongs to that team; for other teams it does not
//! exist. Without teams, all clients together are one team that may do everything, as in go-ethereum.

pub(crate) mod account;
pub(crate) mod accounts;
pub(crate) mod change;
pub(crate) mod credential;
pub(crate) mod door;
pub(crate) mod keeper;
pub(crate) mod meter;
pub(crate) mod method_rule;
pub(crate) mod name;
pub(crate) mod objects;
pub(crate) mod pass;
pub(crate) mod permit;
pub(crate) mod quotas;
pub(crate) mod refusal;
pub(crate) mod scopes;

use credential::{TeamCertificate, TeamToken};
use name::TeamName;
use quotas::Quotas;
use scopes::Scopes;

/// One team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// The name, which no other team has.
    pub name: TeamName,
    /// The tokens of its clients. Without any, and without certificates, no client of HTTP or WebSocket is in this team.
    pub tokens: Vec<TeamToken>,
    /// The certificates of its clients, for HTTP and WebSocket over TLS.
    pub certificates: Vec<TeamCertificate>,
    /// What its clients may do.
    pub scopes: Scopes,
    /// How much of the node they may use together.
    pub quotas: Quotas,
}

impl Team {
    /// A team without tokens, certificates and quotas that may do everything except administer the node.
    #[must_use]
    pub fn new(name: TeamName) -> Self {
        let (tokens, certificates) = (Vec::new(), Vec::new());
        let (scopes, quotas) = (Scopes::default(), Quotas::default());
        Self { name, tokens, certificates, scopes, quotas }
    }
}

/// All teams of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Teams {
    /// The teams. If two have the same name, or a token or a certificate is in two of them, the last one counts.
    pub teams: Vec<Team>,
    /// The team of clients of IPC, which show no token. `None`: they are the operator, who may do everything.
    pub ipc: Option<TeamName>,
}

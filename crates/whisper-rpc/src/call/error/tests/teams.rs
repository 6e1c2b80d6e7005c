//! The texts about teams.

use super::{CallError, Documented, MethodNameError, TeamChangeError, TeamNameError};
use crate::team::credential::CertificateHashError;
use crate::team::name::TeamName;
use crate::team::quotas::{OverQuota, Quota};
use crate::team::refusal::Refusal;

/// Errors about what a team may do.
pub(super) fn errors() -> Vec<Documented> {
    let topic = "0x6e65".parse().unwrap();
    let refusals = [
        (
            Refusal::Token,
            "the token or certificate is no longer valid: it was revoked or has expired; ask the operator of the node for another one",
        ),
        (
            Refusal::Method { method: "shh_x" },
            "this team may not call shh_x: it is not among the methods of the team",
        ),
        (Refusal::Post, "this team may not post messages"),
        (Refusal::History, "this team may not read archives"),
        (
            Refusal::Administer { method: "admin_x" },
            "this team may not administer the node: admin_x is for administrators",
        ),
        (
            Refusal::Topic { topic },
            "this team may not use the topic 0x6e65: it is not among the topics of the team",
        ),
        (Refusal::AllTopics, "this team may use some topics only: name the topics"),
    ];
    let refusals = refusals.map(|(refusal, text)| (refusal.into(), text, "-32004"));
    let over = |quota, retry_after| OverQuota { quota, limit: 7, retry_after }.into();
    let quotas = [
        (
            over(Quota::Calls, Some(3)),
            "this team is over its quota calls, which is 7: try again in 3 s",
        ),
        (
            over(Quota::Filters, None),
            "this team is over its quota filters, which is 7: delete some first",
        ),
    ];
    let quotas = quotas.map(|(error, text)| (error, text, "-32005"));
    refusals.into_iter().chain(quotas).chain(team_changes()).collect()
}

/// Errors about changes of teams.
fn team_changes() -> Vec<Documented> {
    let name = || "weather".parse::<TeamName>().unwrap();
    let changes = [
        (
            TeamNameError::Form.into(),
            "a name of a team has 1 to 32 lower-case letters, digits and hyphens, and begins with a letter",
        ),
        (
            TeamNameError::Operator.into(),
            "the name operator is that of the clients of IPC: choose another one",
        ),
        (
            CallError::method_name("shh_psot", MethodNameError),
            "methods: \"shh_psot\": there is no method and no namespace of this name",
        ),
        (TeamChangeError::NoTeams.into(), "this node has no teams: start it with a file of teams"),
        (TeamChangeError::Exists(name()).into(), "there is a team weather already"),
        (TeamChangeError::NoSuchTeam(name()).into(), "there is no team weather"),
        (
            TeamChangeError::OfIpc(name()).into(),
            "clients of IPC are in the team weather: give IPC another team first",
        ),
        (
            CertificateHashError.into(),
            "not the SHA-256 fingerprint of a certificate: 64 hexadecimal digits are wanted, as openssl x509 -noout \
             -fingerprint -sha256 prints",
        ),
        (
            TeamChangeError::OfOther(name()).into(),
            "this certificate is one of the team weather already",
        ),
        (TeamChangeError::Kept("no disk".to_owned()).into(), "nothing was changed: no disk"),
    ];
    changes.map(|(error, text)| (error, text, "`admin_addTeam(name, settings?)`")).into()
}

//! What the clients of a team may do.

use std::fmt;
use std::str::FromStr;

use whisper_envelope::PartialTopic;

use crate::namespace::Namespace;
use crate::team::method_rule::{MethodRule, RULES, Right};
use crate::team::refusal::Refusal;

/// What the clients of a team may do. Default: everything except administer the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes {
    /// The methods and namespaces that may be called, besides the namespace `rpc`. Empty: all.
    pub methods: Vec<MethodName>,
    /// The topics that may be posted to and read: each with these first bytes. Empty: all.
    pub topics: Vec<PartialTopic>,
    /// Whether messages may be posted.
    pub post: bool,
    /// Whether archives may be read.
    pub history: bool,
    /// Whether the node may be administered.
    pub admin: bool,
}

impl Default for Scopes {
    fn default() -> Self {
        Self { methods: Vec::new(), topics: Vec::new(), post: true, history: true, admin: false }
    }
}

/// The name of a method or of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodName(String);

/// The name of a method that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no method and no namespace of this name")]
pub struct MethodNameError;

impl MethodName {
    /// All names: the methods and the namespaces.
    pub fn all() -> impl Iterator<Item = &'static str> {
        let namespaces = Namespace::ALL.into_iter().map(Namespace::name);
        namespaces.chain(RULES.iter().map(|rule| rule.name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MethodName {
    type Err = MethodNameError;

    fn from_str(text: &str) -> Result<Self, MethodNameError> {
        match Self::all().any(|name| name == text) {
            true => Ok(Self(text.to_owned())),
            false => Err(MethodNameError),
        }
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Scopes {
    /// Everything.
    pub(crate) fn all() -> Self {
        Self { admin: true, ..Self::default() }
    }

    /// Whether a method may be called.
    pub(crate) fn permit(&self, rule: &MethodRule) -> Result<(), Refusal> {
        let MethodRule { name: method, right, .. } = *rule;
        let is_named = |name: &MethodName| name.0 == method || name.0 == rule.namespace();
        let is_served = self.methods.is_empty()
            || rule.namespace() == Namespace::Rpc.name()
            || self.methods.iter().any(is_named);
        match right {
            _ if !is_served => Err(Refusal::Method { method }),
            Right::Post if !self.post => Err(Refusal::Post),
            Right::History if !self.history => Err(Refusal::History),
            Right::Administer if !self.admin => Err(Refusal::Administer { method }),
            _ => Ok(()),
        }
    }

    /// Whether all these topics may be posted to or read. None at all: whether every topic may be.
    pub(crate) fn permit_topics(&self, wanted: &[PartialTopic]) -> Result<(), Refusal> {
        if self.topics.is_empty() {
            return Ok(());
        }
        let is_covered = |topic: &PartialTopic| {
            self.topics.iter().any(|scope| topic.as_bytes().starts_with(scope.as_bytes()))
        };
        match wanted.iter().find(|topic| !is_covered(topic)) {
            Some(topic) => Err(Refusal::Topic { topic: *topic }),
            None if wanted.is_empty() => Err(Refusal::AllTopics),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permit(scopes: &Scopes, method: &str) -> Result<(), Refusal> {
        scopes.permit(MethodRule::of(method))
    }

    #[test]
    fn the_default_is_everything_except_administration() {
        let scopes = Scopes::default();
        for method in ["shh_post", "history_query", "net_version", "shh_newSymKey"] {
            assert_eq!(permit(&scopes, method), Ok(()));
        }
        for method in ["admin_peers", "debug_drops", "shh_setMinPoW", "shh_requestMessages"] {
            let rule = MethodRule::of(method);
            assert_eq!(scopes.permit(rule), Err(Refusal::Administer { method: rule.name }));
            assert_eq!(Scopes::all().permit(rule), Ok(()));
        }
    }

    #[test]
    fn only_named_methods_are_permitted() {
        let methods = ["net", "shh_subscribe"].map(|name| name.parse().unwrap()).into();
        let scopes = Scopes { methods, admin: true, ..Scopes::default() };
        for method in ["net_version", "shh_subscribe", "rpc_modules"] {
            assert_eq!(permit(&scopes, method), Ok(()));
        }
        for method in ["shh_post", "shh_unsubscribe", "admin_peers"] {
            assert!(matches!(permit(&scopes, method), Err(Refusal::Method { .. })), "{method}");
        }
        for wrong in ["", "shh_", "shh_psot", "nett"] {
            assert_eq!(wrong.parse::<MethodName>(), Err(MethodNameError));
        }
    }

    #[test]
    fn rights_are_taken_one_by_one() {
        let silent = Scopes { post: false, ..Scopes::default() };
        assert_eq!(permit(&silent, "shh_post"), Err(Refusal::Post));
        assert_eq!(permit(&silent, "history_query"), Ok(()));
        let forgetful = Scopes { history: false, ..Scopes::default() };
        assert_eq!(permit(&forgetful, "history_subscribe"), Err(Refusal::History));
        assert_eq!(permit(&forgetful, "history_unsubscribe"), Ok(()));
    }

    #[test]
    fn a_topic_must_begin_as_one_of_the_team() {
        let topic = |text: &str| text.parse::<PartialTopic>().unwrap();
        let scopes =
            Scopes { topics: vec![topic("0x6e65"), topic("0x01020304")], ..Scopes::default() };
        for fits in ["0x6e65", "0x6e657773", "0x01020304"] {
            assert_eq!(scopes.permit_topics(&[topic(fits)]), Ok(()));
        }
        for other in ["0x6e", "0x6e667773", "0x010203", "0x01020305"] {
            let refused = Err(Refusal::Topic { topic: topic(other) });
            assert_eq!(scopes.permit_topics(&[topic("0x6e65"), topic(other)]), refused);
        }
        assert_eq!(scopes.permit_topics(&[]), Err(Refusal::AllTopics));
        assert_eq!(Scopes::default().permit_topics(&[]), Ok(()));
    }
}

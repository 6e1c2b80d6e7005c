//! The class of every method: whose objects it works on, and what a team needs to call it.
//!
//! The checks of a call are made from [`RULES`]. A test compares the table with the OpenRPC document, so a new method
//! cannot be forgotten.

/// Whose objects a method works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MethodClass {
    /// Objects of the caller's team: keys, filters, subscriptions, posts, histories. Those of other teams do not exist for it.
    Own,
    /// What all teams share, read only or without effect on other teams: the version, the number of peers, a hash.
    Shared,
    /// The whole node. In the namespace `shh`, such a method is served only where `admin` is.
    Administration,
}

/// What a team must be allowed to do to call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Nothing in particular.
    Use,
    /// To post messages.
    Post,
    /// To read archives.
    History,
    /// To administer the node.
    Administer,
}

/// The class of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MethodRule {
    /// The name of the method.
    pub(crate) name: &'static str,
    /// Whose objects it works on.
    pub(crate) class: MethodClass,
    /// What its caller must be allowed to do.
    pub(crate) right: Right,
}

const fn rule(name: &'static str, class: MethodClass, right: Right) -> MethodRule {
    MethodRule { name, class, right }
}

/// A method that works on objects of the caller's team.
const fn own(name: &'static str) -> MethodRule {
    rule(name, MethodClass::Own, Right::Use)
}

/// A method that reads what all teams share.
const fn shared(name: &'static str) -> MethodRule {
    rule(name, MethodClass::Shared, Right::Use)
}

/// A method about the whole node.
const fn administration(name: &'static str) -> MethodRule {
    rule(name, MethodClass::Administration, Right::Administer)
}

/// Every method, in the order of the names.
pub(crate) const RULES: &[MethodRule] = &[
    administration("admin_addPeer"),
    administration("admin_addTeam"),
    administration("admin_addTeamCertificate"),
    administration("admin_addTeamToken"),
    administration("admin_addTrustedPeer"),
    administration("admin_allowPeer"),
    administration("admin_allowedPeers"),
    administration("admin_banPeer"),
    administration("admin_bans"),
    administration("admin_datadir"),
    administration("admin_dialState"),
    administration("admin_disallowPeer"),
    administration("admin_netRestrict"),
    administration("admin_nodeInfo"),
    administration("admin_peers"),
    administration("admin_reload"),
    administration("admin_removePeer"),
    administration("admin_removeTeam"),
    administration("admin_removeTeamCertificate"),
    administration("admin_removeTeamToken"),
    administration("admin_removeTrustedPeer"),
    administration("admin_setAllowedPeers"),
    administration("admin_setNetRestrict"),
    administration("admin_setTeam"),
    administration("admin_startHTTP"),
    administration("admin_startRPC"),
    administration("admin_startWS"),
    administration("admin_stopHTTP"),
    administration("admin_stopRPC"),
    administration("admin_stopWS"),
    administration("admin_subscribe"),
    administration("admin_teams"),
    administration("admin_unbanPeer"),
    administration("admin_unpinPeer"),
    administration("admin_unsubscribe"),
    administration("debug_drops"),
    rule("history_ack", MethodClass::Own, Right::History),
    rule("history_cursors", MethodClass::Own, Right::History),
    rule("history_query", MethodClass::Own, Right::History),
    rule("history_subscribe", MethodClass::Own, Right::History),
    own("history_unsubscribe"),
    shared("net_listening"),
    shared("net_peerCount"),
    shared("net_version"),
    shared("rpc_discover"),
    shared("rpc_modules"),
    own("shh_ack"),
    own("shh_addPrivateKey"),
    own("shh_addSymKey"),
    administration("shh_cancelLightClient"),
    own("shh_deleteKeyPair"),
    own("shh_deleteMessageFilter"),
    own("shh_deleteSymKey"),
    own("shh_explain"),
    own("shh_generateSymKeyFromPassword"),
    own("shh_getFilterMessages"),
    own("shh_getPrivateKey"),
    own("shh_getPublicKey"),
    own("shh_getSymKey"),
    own("shh_getUnacknowledged"),
    own("shh_hasKeyPair"),
    own("shh_hasSymKey"),
    shared("shh_info"),
    administration("shh_makeLightClient"),
    administration("shh_markTrustedPeer"),
    own("shh_newKeyPair"),
    own("shh_newMessageFilter"),
    own("shh_newSymKey"),
    rule("shh_post", MethodClass::Own, Right::Post),
    own("shh_receipt"),
    // The answers go to all filters that allow direct messages, and the node trusts the peer from then on.
    rule("shh_requestMessages", MethodClass::Shared, Right::Administer),
    rule("shh_requestMessagesSync", MethodClass::Shared, Right::Administer),
    administration("shh_setBloomFilter"),
    administration("shh_setMaxMessageSize"),
    administration("shh_setMinPoW"),
    own("shh_subscribe"),
    own("shh_trace"),
    own("shh_unsubscribe"),
    shared("shh_version"),
    rule("shhext_requestMessages", MethodClass::Shared, Right::Administer),
    rule("shhext_requestMessagesSync", MethodClass::Shared, Right::Administer),
    shared("web3_clientVersion"),
    shared("web3_sha3"),
];

impl MethodRule {
    /// The rule of a method. One that is missing in the table is for administrators: a test excludes that, and a fault there
    /// must not open the door.
    pub(crate) fn of(name: &str) -> &'static Self {
        const MISSING: &MethodRule = &administration("");
        let found = RULES.binary_search_by(|rule| rule.name.cmp(name));
        found.map_or(MISSING, |index| &RULES[index])
    }

    /// The part of the name before the underscore.
    pub(crate) fn namespace(&self) -> &'static str {
        self.name.split('_').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Namespace, openrpc};

    /// A new method must be classed.
    #[test]
    fn every_method_is_classed() {
        let document = openrpc(&Namespace::ALL);
        let methods = document["methods"].as_array().unwrap().iter();
        let described: BTreeSet<_> =
            methods.map(|method| method["name"].as_str().unwrap()).collect();
        let classed: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(classed, described);
    }

    #[test]
    fn the_names_are_in_order_so_that_each_is_found() {
        for rule in RULES {
            assert_eq!(MethodRule::of(rule.name), rule);
        }
        assert_eq!(MethodRule::of("shh_nothing").right, Right::Administer);
    }

    /// Everything that a team without `admin` may call, written out: a method that moves here opens the door for all teams.
    #[test]
    fn a_team_that_does_not_administer_may_call_these_only() {
        let of = |right: Right| -> Vec<_> {
            RULES.iter().filter(|rule| rule.right == right).map(|rule| rule.name).collect()
        };
        assert_eq!(of(Right::Post), ["shh_post"]);
        assert_eq!(
            of(Right::History),
            ["history_ack", "history_cursors", "history_query", "history_subscribe"]
        );
        let keys = [
            "shh_ack",
            "shh_addPrivateKey",
            "shh_addSymKey",
            "shh_deleteKeyPair",
            "shh_deleteMessageFilter",
            "shh_deleteSymKey",
            "shh_explain",
            "shh_generateSymKeyFromPassword",
            "shh_getFilterMessages",
            "shh_getPrivateKey",
            "shh_getPublicKey",
            "shh_getSymKey",
            "shh_getUnacknowledged",
            "shh_hasKeyPair",
            "shh_hasSymKey",
            "shh_info",
            "shh_newKeyPair",
            "shh_newMessageFilter",
            "shh_newSymKey",
            "shh_receipt",
            "shh_subscribe",
            "shh_trace",
            "shh_unsubscribe",
            "shh_version",
        ];
        let (net, rpc) =
            (["net_listening", "net_peerCount", "net_version"], ["rpc_discover", "rpc_modules"]);
        let web3 = ["web3_clientVersion", "web3_sha3"];
        let used = [&["history_unsubscribe"][..], &net, &rpc, &keys, &web3].concat();
        assert_eq!(of(Right::Use), used);
    }

    /// A method of the whole node must not be callable by a team that may only use it.
    #[test]
    fn the_node_is_changed_by_administrators_only() {
        for rule in RULES {
            let of_the_node = matches!(rule.namespace(), "admin" | "debug");
            assert!(!of_the_node || rule.class == MethodClass::Administration, "{}", rule.name);
            if rule.class == MethodClass::Administration {
                assert_eq!(rule.right, Right::Administer, "{}", rule.name);
            }
        }
    }
}

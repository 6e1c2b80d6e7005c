//! The operator's rules of who may be a peer.

use std::time::Duration;

use p2p_identity::NodeId;
use p2p_server::{Ban, Banned, NetRestrict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Admin;
use super::moment::unix;
use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::namespace::enode::{banned, enode, node_id};

/// A ban.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Ban")]
pub struct BanJson {
    /// The id of a node, or a network.
    pub who: String,
    /// When it ends, in seconds since 1970; `null` for never.
    pub until: Option<u64>,
}

impl From<Ban> for BanJson {
    fn from(ban: Ban) -> Self {
        Self { who: ban.banned.to_string(), until: ban.until.map(unix) }
    }
}

pub(super) fn declare(api: &mut Api<Admin>) {
    bans(api);
    allowed(api);
    api.call("admin_netRestrict", [], |admin: &Admin, ()| {
        Ok(admin.server.net_restrict().map(|networks| networks.to_string()))
    })
    .about("The only networks that the node talks to, as CIDR; null if there is no limit.");
    let unread = "x".parse::<NetRestrict>().err().map(CallError::NetRestrict);
    api.call("admin_setNetRestrict", ["networks"], |admin, (networks,): (Option<String>,)| {
        let networks = networks.map(|networks| networks.parse()).transpose();
        admin.server.set_net_restrict(networks.map_err(CallError::NetRestrict)?);
        Ok(true)
    })
    .about("Talks only to addresses in these networks (CIDR, comma-separated), or to all.")
    .fails(unread);
}

fn bans(api: &mut Api<Admin>) {
    api.call(
        "admin_banPeer",
        ["who", "seconds"],
        |admin, (who, seconds): (String, Option<u32>)| {
            let time = seconds.map(|seconds| Duration::from_secs(seconds.into()));
            admin.server.ban(read_banned(&who)?, time);
            Ok(true)
        },
    )
    .about(
        "Bans a node (by URL or id), an IP address or a network (CIDR), for so long or for ever.",
    )
    .fails(unnamed());
    api.call("admin_unbanPeer", ["who"], |admin, (who,): (String,)| {
        Ok(admin.server.unban(&read_banned(&who)?))
    })
    .about("Takes a ban back; whether there was one.")
    .fails(unnamed());
    api.call("admin_bans", [], |admin: &Admin, ()| {
        Ok(admin.server.bans().into_iter().map(BanJson::from).collect::<Vec<_>>())
    })
    .about("The bans that hold now.");
}

fn allowed(api: &mut Api<Admin>) {
    api.call("admin_allowPeer", ["node"], |admin, (node,): (String,)| {
        Ok(admin.server.allow(read_node(&node)?))
    })
    .about("Adds a node to those that alone may be peers; whether that changed anything.")
    .fails(unnamed());
    api.call("admin_disallowPeer", ["node"], |admin, (node,): (String,)| {
        Ok(admin.server.disallow(&read_node(&node)?))
    })
    .about("Takes a node off those that alone may be peers; whether that changed anything.")
    .fails(unnamed());
    api.call("admin_allowedPeers", [], |admin: &Admin, ()| {
        let texts = |ids: Vec<NodeId>| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        Ok(admin.server.allowed().map(texts))
    })
    .about("The nodes that alone may be peers; null if all may.");
    api.call("admin_setAllowedPeers", ["nodes"], |admin, (nodes,): (Option<Vec<String>>,)| {
        let read = |names: Vec<String>| names.iter().map(|name| read_node(name)).collect();
        admin.server.set_allowed(nodes.map(read).transpose()?);
        Ok(true)
    })
    .about("Says which nodes alone may be peers (by URL or id), or that all may.")
    .fails(unnamed());
}

fn unnamed() -> Option<CallError> {
    enode("nonsense").err().map(CallError::Enode)
}

fn read_node(name: &str) -> Result<NodeId, CallError> {
    node_id(name).map_err(CallError::Enode)
}

fn read_banned(who: &str) -> Result<Banned, CallError> {
    banned(who).map_err(CallError::Enode)
}

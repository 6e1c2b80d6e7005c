//! Who may be a peer: bans, allowed nodes, permitted networks.

use std::time::Duration;

use p2p_identity::NodeId;
use p2p_server::{Ban, BanTarget, NetRestrict};

use super::context::AdminContext;
use super::unix_time::Clocks;
use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::namespace::node_name::{banned, enode, node_id};
use crate::types::access::BanJson;

impl BanJson {
    fn of(ban: &Ban, clocks: Clocks) -> Self {
        let until = ban.until.map(|until| clocks.unix_time(until));
        Self { who: ban.target.to_string(), until }
    }
}

pub(super) fn declare(api: &mut Api<AdminContext>) {
    bans(api);
    allowed(api);
    api.call("admin_netRestrict", [], |admin: &AdminContext, ()| {
        Ok(admin.server.net_restrict().map(|networks| networks.to_string()))
    })
    .about("Returns the only networks that the node talks to, as CIDR; null if there is no restriction.");
    let invalid = "x".parse::<NetRestrict>().err().map(CallError::NetRestrict);
    api.call("admin_setNetRestrict", ["networks"], |admin, (networks,): (Option<String>,)| {
        let networks = networks.map(|networks| networks.parse()).transpose();
        admin.server.set_net_restrict(networks.map_err(CallError::NetRestrict)?);
        Ok(true)
    })
    .about("Sets the only networks that the node talks to (CIDR, comma-separated); without an argument, all are permitted.")
    .fails(invalid);
}

fn bans(api: &mut Api<AdminContext>) {
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
        "Bans a node (by URL or id), an IP address or a network (CIDR), for a time or without end.",
    )
    .fails(invalid_node());
    api.call("admin_unbanPeer", ["who"], |admin, (who,): (String,)| {
        Ok(admin.server.unban(&read_banned(&who)?))
    })
    .about("Removes a ban; returns whether there was one.")
    .fails(invalid_node());
    api.call("admin_bans", [], |admin: &AdminContext, ()| {
        let clocks = admin.clocks();
        let bans = admin.server.bans();
        Ok(bans.iter().map(|ban| BanJson::of(ban, clocks)).collect::<Vec<_>>())
    })
    .about("Returns the current bans.");
}

fn allowed(api: &mut Api<AdminContext>) {
    api.call("admin_allowPeer", ["node"], |admin, (node,): (String,)| {
        Ok(admin.server.allow(read_node(&node)?))
    })
    .about("Adds a node to the list of allowed nodes; returns whether that changed the list.")
    .fails(invalid_node());
    api.call("admin_disallowPeer", ["node"], |admin, (node,): (String,)| {
        Ok(admin.server.disallow(&read_node(&node)?))
    })
    .about("Removes a node from the list of allowed nodes; returns whether that changed the list.")
    .fails(invalid_node());
    api.call("admin_allowedPeers", [], |admin: &AdminContext, ()| {
        let texts = |ids: Vec<NodeId>| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        Ok(admin.server.allowed().map(texts))
    })
    .about("Returns the list of allowed nodes; null if all nodes may be peers.");
    api.call("admin_setAllowedPeers", ["nodes"], |admin, (nodes,): (Option<Vec<String>>,)| {
        let read = |names: Vec<String>| names.iter().map(|name| read_node(name)).collect();
        admin.server.set_allowed(nodes.map(read).transpose()?);
        Ok(true)
    })
    .about("Sets the list of allowed nodes (by URL or id); without an argument, all nodes may be peers.")
    .fails(invalid_node());
}

/// An example of the error about an invalid name.
fn invalid_node() -> Option<CallError> {
    enode("nonsense").err().map(CallError::Enode)
}

fn read_node(name: &str) -> Result<NodeId, CallError> {
    node_id(name).map_err(CallError::Enode)
}

fn read_banned(who: &str) -> Result<BanTarget, CallError> {
    banned(who).map_err(CallError::Enode)
}

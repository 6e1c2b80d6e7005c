//! `admin_dialState`: what the node knows about its peers and the nodes that it dials, and what it does next.

use std::time::SystemTime;

use p2p_identity::causes;
use p2p_server::{DialReason, DialState, Exclusion, ExclusionReason, NextAction, NodeKind, Server};
use p2p_world::World;

use super::context::AdminContext;
use super::unix_time::{Clocks, of_system_time};
use crate::declare::api::Api;
use crate::namespace::node_name::hashed_id;
use crate::types::dial_state::{DialKindJson, DialStateJson, NextActionJson, OutcomeJson};

pub(super) fn declare(api: &mut Api<AdminContext>) {
    api.call("admin_dialState", [], |admin: &AdminContext, ()| {
        Ok(DialStateJson::all(&admin.server, &*admin.world))
    })
    .about("Returns every node that is dialed, connected or remembered: what the node does next, and how the last connection ended.");
}

impl DialStateJson {
    /// Every node that a server dials, is connected to, or remembers.
    #[must_use]
    pub fn all(server: &Server, world: &dyn World) -> Vec<Self> {
        let clocks = Clocks::read(world);
        server.dial_states().into_iter().map(|state| Self::of(state, clocks)).collect()
    }

    /// Nodes that are not connected, at most `most`.
    #[must_use]
    pub fn not_connected(server: &Server, world: &dyn World, most: usize) -> Vec<Self> {
        let clocks = Clocks::read(world);
        let states = server.dial_states().into_iter().filter(|state| !state.connected);
        states.take(most).map(|state| Self::of(state, clocks)).collect()
    }

    fn of(state: DialState, clocks: Clocks) -> Self {
        let DialState { id, enode, kind, trusted, connected, next, last, .. } = state;
        let outcome = |at: SystemTime, why: String| OutcomeJson { at: of_system_time(at), why };
        let (action, at, why) =
            next.map_or_else(|| (unplanned(connected), None, None), |next| describe(next, clocks));
        Self {
            enode: enode.map_or_else(|| format!("enode://{id}"), |enode| enode.to_string()),
            id: hashed_id(&id),
            kind: kind.map(DialKindJson::from),
            trusted,
            connected,
            next: action,
            at,
            why: why.map(str::to_owned),
            failures: match next {
                Some(NextAction::Dial { failures, .. }) => Some(failures),
                _ => None,
            },
            last_drop: last.dropped.map(|(at, closed)| outcome(at, causes(&closed).to_string())),
            last_failure: last
                .dial_failed
                .map(|(at, error)| outcome(at, causes(&*error).to_string())),
        }
    }
}

impl From<NodeKind> for DialKindJson {
    fn from(kind: NodeKind) -> Self {
        match kind {
            NodeKind::Found => Self::Found,
            NodeKind::Boot => Self::Boot,
            NodeKind::Static => Self::Static,
        }
    }
}

/// What the node does next, when, and why.
fn describe(
    action: NextAction,
    clocks: Clocks,
) -> (NextActionJson, Option<u64>, Option<&'static str>) {
    let of_instant = |at| clocks.unix_time(at);
    match action {
        NextAction::Dial { at, reason, .. } => {
            (NextActionJson::Dial, Some(of_instant(at)), Some(dial_reason(reason)))
        }
        NextAction::Dialing { since } => (NextActionJson::Dialing, Some(of_instant(since)), None),
        NextAction::Connected { since } => (NextActionJson::Stay, Some(of_instant(since)), None),
        NextAction::Excluded(Exclusion { reason, until }) => {
            (NextActionJson::Barred, until.map(of_instant), Some(bar_reason(reason)))
        }
        NextAction::Idle => (NextActionJson::None, None, Some("there are peers")),
        NextAction::Never => (NextActionJson::None, None, Some("this node does not dial")),
    }
}

/// What the node does about a node that it does not plan to dial.
const fn unplanned(connected: bool) -> NextActionJson {
    if connected { NextActionJson::Stay } else { NextActionJson::None }
}

const fn dial_reason(reason: DialReason) -> &'static str {
    match reason {
        DialReason::New => "new",
        DialReason::Failed => "failed",
        DialReason::Lost => "lost",
    }
}

const fn bar_reason(reason: ExclusionReason) -> &'static str {
    match reason {
        ExclusionReason::Banned => "banned",
        ExclusionReason::NotAllowed => "not allowed",
        ExclusionReason::Restricted => "outside of the permitted networks",
    }
}

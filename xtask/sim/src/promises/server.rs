//! What p2p-server promises.

use std::{cell::RefCell, rc::Rc, time::Duration};

use p2p_sim::Network;

use crate::{
    members::Members,
    operations::{Exclusion, LASTS},
};

const SECOND: Duration = Duration::from_secs(1);

/// What holds at each moment.
pub(crate) fn register(
    network: Network,
    members: &Members,
    exclusions: &Rc<RefCell<Vec<Exclusion>>>,
) -> Network {
    let (members, exclusions) = (members.clone(), Rc::clone(exclusions));
    network.invariant("an excluded peer is gone in a second", move |network| {
        let now = network.elapsed();
        for excluded in exclusions.borrow().iter() {
            let Exclusion { node, start, peer, from } = excluded;
            let is_due = now >= *from + SECOND && now < *from + LASTS;
            let same = is_due && members.starts(*node) == Some(*start);
            let server = members.nodes.server(*node).filter(|_| same);
            if server.is_some_and(|server| server.peer(peer).is_some()) {
                return Err(format!("node {node} still has {peer}"));
            }
        }
        Ok(())
    })
}

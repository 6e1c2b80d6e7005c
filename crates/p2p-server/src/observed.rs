//! What is seen of a server: counters, events, the last outcomes, what it says about itself and its peers.

pub(crate) mod dial_state;
pub(crate) mod events;
pub(crate) mod last_outcomes;
pub(crate) mod messages;
pub(crate) mod node_info;
pub(crate) mod stats;

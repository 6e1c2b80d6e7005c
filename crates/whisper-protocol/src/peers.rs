//! The peers: their links while they are connected, and what is kept about them between connections.

pub(crate) mod direct;
pub(crate) mod links;
pub(crate) mod pace;
pub(crate) mod peer_rule;
pub(crate) mod peer_sender;
pub(crate) mod rate_limit;
pub(crate) mod remote;
pub(crate) mod rule_learner;
pub(crate) mod rule_probe;
pub(crate) mod trusted;
pub(crate) mod work_settings;

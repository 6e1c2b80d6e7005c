//! The simulated network: what happens when, and between which hosts.

pub(crate) mod datagrams;
pub(crate) mod link;
pub(crate) mod listener;
pub(crate) mod pipe;
pub(crate) mod queue;
pub(crate) mod stream;
pub(crate) mod wire;

//! Commands that need no network.

pub(super) mod audit;
pub(super) mod config;
pub(super) mod envelope;
pub(super) mod key;
pub(super) mod manual;
pub(super) mod pow;
pub(super) mod rlp;
pub(super) mod rpc;
pub(super) mod store;
pub(super) mod team;

//! The tasks of a server: accepting, dialing, and the life of one connection.

pub(crate) mod admit;
pub(crate) mod candidates;
pub(crate) mod inbound;
pub(crate) mod listen;
pub(crate) mod open;
pub(crate) mod outbound;
pub(crate) mod socket;

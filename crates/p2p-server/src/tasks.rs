//! The tasks of a server: accepting, dialing, the life of a connection, discovery, port mapping.

mod admit;
pub(crate) mod candidates;
#[cfg(feature = "discovery")]
pub(crate) mod discovery;
mod inbound;
mod listen;
#[cfg(not(feature = "discovery"))]
pub(crate) mod no_discovery;
mod open;
mod outbound;
#[cfg(feature = "nat")]
pub(crate) mod port_mapping;
mod resolve;

pub(crate) use self::{
    inbound::accept,
    listen::{accept_all, bind_all},
    open::UNSPECIFIED,
    outbound::follow_plan,
};
#[cfg(not(feature = "discovery"))]
pub(crate) use no_discovery as discovery;

//! The running discovery of a server, or nothing if it is off or not compiled in.

#[cfg(feature = "discovery")]
mod listen_addr;
mod node_record;
#[cfg(not(feature = "discovery"))]
mod off;
#[cfg(feature = "discovery")]
mod on;

#[cfg(feature = "discovery")]
pub(crate) use listen_addr::ListenAddr;
pub(crate) use node_record::{capabilities, first_sequence};
#[cfg(not(feature = "discovery"))]
pub(crate) use off::Discovery;
#[cfg(feature = "discovery")]
pub(crate) use on::Discovery;

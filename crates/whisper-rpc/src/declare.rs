//! Declarations of methods, and the OpenRPC document that is made from them.

pub(crate) mod api;
pub(crate) mod openrpc;
pub(crate) mod signature;

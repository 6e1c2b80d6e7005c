//! What the methods are: their declarations, and the OpenRPC document made of them.

pub(crate) mod api;
pub(crate) mod document;
pub(crate) mod signature;

//! The RLP form of an envelope, a file for each dialect.

pub(crate) mod v5;
pub(crate) mod v6;

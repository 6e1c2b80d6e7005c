//! The RLP form of envelopes, one file for each dialect.

pub(crate) mod v5;
pub(crate) mod v6;

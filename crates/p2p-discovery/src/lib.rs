//! Finding nodes.
//!
//! - [`dns`]: signed lists of nodes as TXT records (EIP-1459).

pub mod dns;

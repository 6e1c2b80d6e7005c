//! The datagrams of NAT-PMP and PCP. Public only with the feature `fuzzing`.

pub mod natpmp;
pub mod pcp;

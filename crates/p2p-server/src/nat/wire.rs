//! The datagrams of NAT-PMP and PCP: codecs without sockets or clock.

pub mod natpmp;
pub mod pcp;

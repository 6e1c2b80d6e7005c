//! The fuzz targets as plain functions: each takes any bytes and panics if a property does not hold.
//!
//! `fuzz_targets/` links each function with libFuzzer (`cargo xtask fuzz`, nightly). `tests/replay.rs` runs each of them
//! over its committed corpus on stable, so that old findings stay fixed. A new target is a function here, a line in
//! [`TARGETS`], a file in `fuzz_targets/` with its entry in the manifest, and a few seeds in `corpus/`.

mod chunk;
mod discovery;
mod discv4;
mod envelope;
mod fixture;
mod handshake;
mod identity;
mod mux;
mod nat;
mod packet;
mod rlp;
mod rlpx;
mod rpc;
mod sec;
mod session;

pub use chunk::chunk;
pub use discovery::dns_entry;
pub use discv4::{discv4_machine, discv4_packet};
pub use envelope::{envelope_v5, envelope_v6, open, payload_v5, payload_v6};
pub use identity::{ecies_open, enode, enr, keystore};
pub use mux::{connection, hello, reason};
pub use nat::{natpmp, pcp};
pub use packet::{
    archive_message, file_message, history_cursor, lazy_message, packet, state_record,
    trace_message,
};
pub use rlp::{rlp_item, rlp_roundtrip, rlp_text};
pub use rlpx::{ack, auth, frame, snappy};
pub use rpc::{audit_log, rpc_request, rpc_values};
pub use sec::{pieces, record, sec_ack, sec_auth};
pub use session::shh_packet;

/// The function of a target. It panics if a property does not hold.
pub type TargetFn = fn(&[u8]);

/// All targets by name.
pub const TARGETS: &[(&str, TargetFn)] = &[
    ("rlp_item", rlp_item),
    ("rlp_roundtrip", rlp_roundtrip),
    ("rlp_text", rlp_text),
    ("enode", enode),
    ("enr", enr),
    ("dns_entry", dns_entry),
    ("discv4_packet", discv4_packet),
    ("discv4_machine", discv4_machine),
    ("ecies_open", ecies_open),
    ("auth", auth),
    ("ack", ack),
    ("frame", frame),
    ("snappy", snappy),
    ("sec_auth", sec_auth),
    ("sec_ack", sec_ack),
    ("record", record),
    ("pieces", pieces),
    ("hello", hello),
    ("reason", reason),
    ("connection", connection),
    ("chunk", chunk),
    ("natpmp", natpmp),
    ("pcp", pcp),
    ("envelope_v5", envelope_v5),
    ("envelope_v6", envelope_v6),
    ("payload_v5", payload_v5),
    ("payload_v6", payload_v6),
    ("open", open),
    ("packet", packet),
    ("shh_packet", shh_packet),
    ("archive_message", archive_message),
    ("history_cursor", history_cursor),
    ("state_record", state_record),
    ("trace_message", trace_message),
    ("file_message", file_message),
    ("lazy_message", lazy_message),
    ("rpc_request", rpc_request),
    ("rpc_values", rpc_values),
    ("keystore", keystore),
    ("audit_log", audit_log),
];

//! `lazy/1`: an envelope is announced, and fetched once, instead of being sent by every peer.
//!
//! The specification is `crates/whisper-protocol/LAZY.md`. It is a sub-protocol of its own beside shh, not a part of its
//! session: shh/5 has nothing in which it could be negotiated, a short announcement does not wait behind envelopes in the
//! queue of shh, and a violation closes this slot only, after which the peers flood as before. The envelopes themselves
//! are sent as packets of shh, so that everything that applies to these applies to them: limits, acknowledgements,
//! requirements.
//!
//! - [`policy`]: what is pushed at once, and what is announced. A pure value.
//! - [`announcing`]: what one peer was told, and what it asked for.
//! - [`exchange`]: the part of the relay.
//! - [`fetching`]: what all peers have announced, and which of them is asked.

pub(crate) mod announcing;
pub(crate) mod exchange;
mod fault;
pub(crate) mod fetching;
pub(crate) mod meetings;
pub(crate) mod policy;
pub(crate) mod session;
pub(crate) mod short_id;
pub(crate) mod spread;
pub mod wire;

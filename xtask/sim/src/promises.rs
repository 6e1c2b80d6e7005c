//! What must hold, by the crate that promises it.
//!
//! A promise of a moment is an invariant, which is checked each second. Other promises are about the end of a run, when
//! everything is repaired and has had its time.

pub(crate) mod mux;
pub(crate) mod server;
pub(crate) mod whisper;

/// A promise that does not hold: its name, and what is wrong.
pub(crate) type Broken = (&'static str, String);

//! Where an envelope is: what the nodes say that consent, over the sub-protocol `trace/1`.
//!
//! A node asks its peers, which ask theirs. Each answers once, with what it knows itself and what it was told. `TRACE.md` in this
//! crate is the specification.

mod answer;
mod fault;
mod pace;
pub(crate) mod peers;
mod session;
mod settings;
pub(crate) mod tracer;
pub(crate) mod tree;
pub mod wire;

pub(crate) use answer::LocalRecord;
pub use answer::TraceOff;
pub use settings::TraceSettings;
pub use tree::{NotSent, Trace, TracedNode};

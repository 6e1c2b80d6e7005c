//! What every archive promises, tested on each kind of store.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod embedded;
mod model;
mod promises;
mod samples;

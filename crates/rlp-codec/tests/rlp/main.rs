//! Tests of the public items of the crate.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod lists;
mod properties;
mod refusals;
mod rlp_list;
mod text;
mod tree;
mod vectors;

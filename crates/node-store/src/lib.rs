//! Opens the files in which a node keeps its state.
//!
//! A [`Store`] is one file: a `redb` database with a version. [`Layout`] says what it contains, how it is upgraded, and what
//! happens if it is damaged. The tables are those of `redb`; this crate does not know them.
//!
//! What a write transaction has committed is on the disk when [`Store::write`] returns. A program that is killed, or a machine
//! that loses its power, leaves the state after some transaction.
#![doc = include_str!("../README.md")]

mod error;
mod layout;
mod store;
#[cfg(any(test, feature = "test-util"))]
pub mod test_util;

pub use error::{DatabaseError, StoreError};
pub use layout::{Change, Layout, OnDamage};
pub use redb;
pub use store::{Damage, MovedAside, Opened, Store};

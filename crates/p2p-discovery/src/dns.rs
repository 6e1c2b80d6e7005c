//! Signed lists of nodes in the DNS (EIP-1459).
//!
//! A list is a tree of TXT records below a DNS name. It has a [`Root`], which is signed by the key of the
//! list, branches, and as leaves node records and links to other lists ([`TreeEntry`]). The DNS name of
//! each entry is its own hash ([`Label`]). So a reader who trusts the key ([`Link`]) can trust the whole
//! list: DNS servers can withhold it, but cannot forge it.
//!
//! [`Tree`] makes a list. [`ListClient`] reads lists: a machine that gives out DNS queries and takes the
//! answers. With the feature `dns`, `Lists` runs it with a DNS resolver.

mod client;
mod entry;
mod label;
mod link;
#[cfg(feature = "dns")]
mod lists;
#[cfg(feature = "dns")]
mod query_error;
mod root;
mod tree;

pub use client::{
    ListClient, ListClientConfig, ListClientStats, ListProgress, RefusedEntries, TxtQuery,
};
pub use entry::{MAX_ENTRY_LEN, TreeEntry, TreeEntryError};
pub use label::Label;
pub use link::{Link, LinkError};
#[cfg(feature = "dns")]
pub use lists::{Lists, ListsError, ResolverError, Servers};
#[cfg(feature = "dns")]
pub use query_error::QueryError;
pub use root::{Root, RootError};
pub use tree::Tree;

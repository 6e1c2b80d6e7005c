//! Signed lists of nodes in the DNS (EIP-1459).
//!
//! A list is a tree of TXT records below a DNS name: a [`Root`] signed by the list's key, under it
//! branches, and as leaves node records and links to other lists ([`TreeEntry`]). Each entry stands under
//! the name that its own hash gives it ([`Label`]), so who trusts the key ([`Link`]) trusts the list,
//! whatever servers are on the way: they can withhold it, and nothing else.
//!
//! [`Tree`] makes a list, [`ListClient`] reads lists: a machine that names the questions and takes the
//! answers. With the feature `dns`, `Lists` puts a DNS resolver under it.

mod client;
mod entry;
mod label;
mod link;
#[cfg(feature = "dns")]
mod lists;
mod root;
mod tree;

pub use client::{ListClient, ListClientConfig, ListClientStats, ListProgress, TxtQuery};
pub use entry::{MAX_ENTRY_LEN, TreeEntry, TreeEntryError};
pub use label::Label;
pub use link::{Link, LinkError};
#[cfg(feature = "dns")]
pub use lists::{Lists, ListsError, Servers};
pub use root::{Root, RootError};
pub use tree::Tree;

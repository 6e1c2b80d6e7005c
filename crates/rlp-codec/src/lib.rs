//! Strict RLP (Recursive Length Prefix, Ethereum's serialization) on top of [`alloy_rlp`].
//!
//! Encoding uses alloy's [`Encodable`], with [`rlp_list`] for structs and enums, and [`Fields`] and [`encode_list`] for
//! lists of different types. Decoding adds what a network node needs:
//!
//! - **zero copy**: [`Item`] borrows one item from the input, [`List`] is a cursor over the items of a list. Nothing
//!   is copied or allocated;
//! - **strictness**: [`decode`] and [`decode_list`] accept only the canonical encoding of a value, and no bytes after
//!   it;
//! - **EIP-8 lists**: [`decode_open_list`] ignores further elements at the end of a list, which a later version of a
//!   protocol may add;
//! - **errors with positions**: an [`Error`] is a kind and a byte offset, and is `Copy`.
//!
//! ```
//! use rlp_codec::{Error, decode_list, encode_list};
//!
//! /// `[name, version, [port, ...]]`
//! fn parse(input: &[u8]) -> Result<(&str, u32, Vec<u16>), Error> {
//!     decode_list(input, |list| {
//!         let name = list.str()?;
//!         let version = list.uint()?;
//!         let ports = list.items()?.map(|port| port?.uint()).collect::<Result<_, Error>>()?;
//!         Ok((name, version, ports))
//!     })
//! }
//!
//! let mut out = Vec::new();
//! encode_list(&mut out, &[&"shh", &6u32, &vec![30303u16, 30304]]);
//! assert_eq!(parse(&out), Ok(("shh", 6, vec![30303, 30304])));
//!
//! // The version is invalid.
//! out[5] = 0x00;
//! assert_eq!(parse(&out).unwrap_err().to_string(), "integer with a leading zero at byte 5");
//! ```
//!
//! Also: a readable text form for logs, tests and tools ([`text::dump`], [`text::parse`]).
//!
//! # Hostile input
//!
//! No function panics, recurses without a bound, or allocates memory by a declared length. Each function costs at most
//! one pass over its input. Parsing is lazy. When an [`Item`] is made, only its own length is checked; the elements of a
//! list are checked when they are read. If you store or forward an item without reading it, check it with
//! [`Item::validate`], which checks all elements to a bounded depth, or with [`Item::parse_within`], which also applies
//! [`Limits`] of bytes, items and depth.
//!
//! # What is not here
//!
//! - The meaning of messages.
//! - Streaming: a message must be complete before it is decoded.
//! - Signed integers and floats: RLP does not have them.
//!
//! # Features
//!
//! - `std` (default): alloy's error type implements [`std::error::Error`](core::error::Error). Without it the crate is
//!   `no_std` with `alloc`.

#![no_std]

extern crate alloc;

mod decode;
mod empty;
mod encode;
mod error;
mod fields;
mod header;
mod item;
mod limits;
mod list;
mod rlp_list;
pub mod text;
mod uint;
mod validate;
mod walk;

#[doc(no_inline)]
pub use alloy_rlp::{self, BufMut, Bytes, Decodable, Encodable, Header};

pub use decode::{decode, decode_list, decode_open_list};
pub use empty::Empty;
pub use encode::{BigEndian, Raw, encode, encode_list, list_length};
pub use error::{Error, ErrorKind};
pub use fields::Fields;
pub use item::Item;
pub use limits::{Limits, MAX_DEPTH};
pub use list::List;
#[doc(hidden)]
pub use rlp_list::field;
pub use uint::Uint;

/// The examples in the README compile and run like those of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

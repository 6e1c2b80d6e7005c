//! Strict RLP (Recursive Length Prefix, Ethereum's serialisation) on top of [`alloy_rlp`].
//!
//! Encoding uses alloy's [`Encodable`] and derive macros, with [`Fields`] and [`encode_list`] for lists of
//! different types. Decoding adds what a network node needs:
//!
//! - **zero copy**: [`Item`] borrows one item from the input, [`List`] is a cursor over the items of a list. Nothing
//!   is copied or allocated;
//! - **strictness**: only the canonical encoding of a value is accepted, without bytes after it ([`decode`],
//!   [`decode_list`]);
//! - **EIP-8 lists** with further elements, which later versions of a protocol can add ([`decode_open_list`]);
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
//! No function panics, recurses without a bound, or allocates by a declared length. Each costs at most one pass over
//! its input. Parsing is lazy: for a list, an [`Item`] has a checked outer length, and its elements are checked when
//! they are read. [`Item::validate`] checks all of them, to a bounded depth, for bytes that are stored or passed on
//! without reading them. [`Item::parse_within`] does so under [`Limits`] of bytes, items and depth.
//!
//! # What is not here
//!
//! The meaning of messages; streaming (a message must be complete before it is decoded); signed integers and
//! floats, which RLP does not have.
//!
//! # Features
//!
//! - `std` (default): [`std::error::Error`](core::error::Error) for alloy's error. Without it the crate is `no_std`
//!   with `alloc`.

#![no_std]

extern crate alloc;

mod decode;
mod encode;
mod error;
mod fields;
mod header;
mod item;
mod limits;
mod list;
pub mod text;
mod uint;
mod validate;
mod walk;

#[doc(no_inline)]
pub use alloy_rlp::{
    self, BufMut, Decodable, Encodable, Header, RlpDecodable, RlpDecodableWrapper, RlpEncodable,
    RlpEncodableWrapper,
};

pub use decode::{decode, decode_list, decode_open_list};
pub use encode::{BigEndian, Raw, encode, encode_list, list_length};
pub use error::{Error, ErrorKind};
pub use fields::Fields;
pub use item::Item;
pub use limits::{Limits, MAX_DEPTH};
pub use list::List;
pub use uint::Uint;

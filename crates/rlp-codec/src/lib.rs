//! Strict RLP (Recursive Length Prefix, Ethereum's serialisation) on top of [`alloy_rlp`].
//!
//! Encoding is alloy's: [`Encodable`], the derive macros, and for lists of mixed types [`Fields`] and
//! [`encode_list`]. Decoding adds what a network node needs and alloy does not give:
//!
//! - **a zero-copy view**: [`Item`] is one item where it lies in the input, [`List`] a cursor over
//!   the items of a list; nothing is copied, nothing allocated;
//! - **strictness**: only the one canonical encoding of a value is taken, and a whole input has no
//!   bytes left over ([`decode`], [`decode_list`]);
//! - **EIP-8 lists** that take more elements than we know, so that later versions of a protocol can
//!   add some ([`decode_open_list`]);
//! - **errors that say where**: an [`Error`] is a kind and a byte offset, both `Copy`.
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
//! // The fault is in the byte where the version stands.
//! out[5] = 0x00;
//! assert_eq!(parse(&out).unwrap_err().to_string(), "integer with a leading zero at byte 5");
//! ```
//!
//! - **text for people** and back, for logs, tests and tools ([`text::dump`], [`text::parse`]).
//!
//! # Hostile input
//!
//! No function here panics, recurses without a bound, or allocates by a length that the input merely
//! claims; each costs at most a walk over the bytes it is given. Parsing is lazy: an [`Item`] that is
//! a list has a sound outer length, its elements are checked when they are visited.
//! [`Item::validate`] checks all of them at once, to a bounded depth, for bytes that are kept or
//! passed on unread; [`Item::parse_within`] does so under [`Limits`] of bytes, items and depth.
//!
//! # What is not here
//!
//! The meaning of any message; streaming (a message is whole before it is decoded); signed integers
//! and floats, which RLP does not have.
//!
//! # Features
//!
//! - `std` (default): [`std::error::Error`](core::error::Error) for alloy's own error. Without it
//!   the crate is `no_std` with `alloc`.

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

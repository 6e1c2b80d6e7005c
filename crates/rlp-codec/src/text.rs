//! RLP as people read and write it.
//!
//! ```text
//! item   = list | string | bytes | number
//! list   = "[" [ item { "," item } [ "," ] ] "]"
//! string = '"' { any character but a control character, or \" or \\ } '"'     its UTF-8
//! bytes  = "0x" { two hexadecimal digits of either case }
//! number = a decimal number without leading zeros, below 2^128               as an RLP integer
//! ```
//!
//! White space between these is ignored. [`dump`] writes a part of it only, so that each value has one
//! text: a line an item, and no numbers, because bytes do not say that they are one.

mod dump;
mod error;
mod parse;

pub use dump::dump;
pub use error::{TextError, TextErrorKind};
pub use parse::parse;

//! RLP as readable text.
//!
//! ```text
//! item   = list | string | bytes | number
//! list   = "[" [ item { "," item } [ "," ] ] "]"
//! string = '"' { any character but a control character, or \" or \\ } '"'     its UTF-8
//! bytes  = "0x" { two hexadecimal digits of either case }
//! number = a decimal number without leading zeros, below 2^128               as an RLP integer
//! ```
//!
//! White space between tokens is ignored. [`dump`] writes a subset, so that each value has one text: one line per
//! item, and no numbers, because RLP does not distinguish them from bytes.

mod dump;
mod error;
mod parse;

pub use dump::dump;
pub use error::{TextError, TextErrorKind};
pub use parse::parse;

//! `whisper-node rlp`: RLP from hexadecimal to a form that people read, and back.

use clap::Subcommand;
use p2p_mux::rlp::text;

use super::failure::Failure;
use super::input;

/// The offline tools for RLP.
#[derive(Debug, Subcommand)]
pub(crate) enum Rlp {
    /// Print RLP in a form that people read: a line an item, strings in quotes, all else in hexadecimal
    ///
    /// Only canonical RLP is printed; of any other input it is said what is wrong at which byte.
    Dump {
        /// The bytes in hexadecimal; read from standard input if missing or -
        hex: Option<String>,
    },
    /// Turn what `dump` prints, or what is written like it, back into RLP, in hexadecimal
    ///
    /// Beside strings ("shh") and bytes (0x0400), decimal numbers are understood (1024). Elements of
    /// a list are separated by commas: [5, "x", [["shh", 6]], 30303, 0x]
    Parse {
        /// The text; read from standard input if missing or -
        text: Option<String>,
    },
}

/// Does it.
pub(super) fn run(command: Rlp) -> Result<(), Failure> {
    match command {
        Rlp::Dump { hex } => input::print(&text::dump(&input::bytes(hex)?)?),
        Rlp::Parse { text } => input::print(&input::hex(text::parse(&input::text(text)?)?)),
    }
}

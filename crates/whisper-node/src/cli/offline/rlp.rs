//! `whisper-node rlp`: converts RLP between hexadecimal and a readable form.

use clap::Subcommand;
use p2p_mux::rlp::text;

use crate::cli::console;
use crate::cli::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print RLP in a readable form: one item per line, strings in quotes, other bytes in hexadecimal
    ///
    /// Only canonical RLP is printed. For other input, the error says what is wrong at which byte.
    Dump {
        /// The bytes in hexadecimal; read from standard input if missing or -
        hex: Option<String>,
    },
    /// Convert the output of `dump`, or text in the same form, back to RLP in hexadecimal
    ///
    /// Items are strings ("shh"), bytes (0x0400), decimal numbers (1024) and lists, whose items are
    /// separated by commas: [5, "x", [["shh", 6]], 30303, 0x]
    Parse {
        /// The text; read from standard input if missing or -
        text: Option<String>,
    },
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Dump { hex } => console::print(&text::dump(&console::read_bytes(hex)?)?),
            Self::Parse { text } => {
                console::print(&console::hex(text::parse(&console::read_text(text)?)?))
            }
        }
    }
}

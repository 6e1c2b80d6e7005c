//! `whisper-node rlp`: converts RLP between hexadecimal and a readable form.

use clap::Subcommand;
use p2p_mux::rlp::{Item, text};
use serde::Serialize;

use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::flags::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print RLP in a readable form: one item per line, strings in quotes, other bytes in hexadecimal
    ///
    /// Only canonical RLP is printed. For other input, the error says what is wrong at which byte.
    Dump {
        /// The bytes in hexadecimal; read from standard input if missing or -
        hex: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Convert the output of `dump`, or text in the same form, back to RLP in hexadecimal
    ///
    /// Items are strings ("shh"), bytes (0x0400), decimal numbers (1024) and lists, whose items are
    /// separated by commas: [5, "x", [["shh", 6]], 30303, 0x]
    Parse {
        /// The text; read from standard input if missing or -
        text: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

/// RLP in hexadecimal, as JSON.
#[derive(Serialize)]
struct Encoded {
    rlp: String,
}

/// An item of RLP as JSON: a string of hexadecimal digits, or an array.
#[derive(Serialize)]
#[serde(untagged)]
enum JsonItem {
    Bytes(String),
    List(Vec<Self>),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Dump { hex, output } => {
                let bytes = console::read_bytes(hex)?;
                // It checks all of it, and the depth.
                let text = text::dump(&bytes)?;
                output.print(&JsonItem::of(&Item::parse(&bytes)?)?, || text)
            }
            Self::Parse { text, output } => {
                let rlp = console::hex(text::parse(&console::read_text(text)?)?);
                let encoded = Encoded { rlp };
                output.print(&encoded, || encoded.rlp.clone())
            }
        }
    }
}

impl JsonItem {
    /// Lists are nested at most [`MAX_DEPTH`](p2p_mux::rlp::MAX_DEPTH) deep.
    fn of(item: &Item<'_>) -> Result<Self, Failure> {
        let Ok(mut items) = item.items() else {
            return Ok(Self::Bytes(console::hex(item.bytes()?)));
        };
        let mut list = Vec::new();
        while let Some(item) = items.optional()? {
            list.push(Self::of(&item)?);
        }
        Ok(Self::List(list))
    }
}

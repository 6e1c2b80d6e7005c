//! The terminal while the chat has it.

use std::io;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;
use ratatui::DefaultTerminal;

use super::conversation::Conversation;
use super::view;

/// The terminal. When it is dropped, and if the program panics, the terminal is as it was.
pub(super) struct Screen {
    terminal: DefaultTerminal,
    events: EventStream,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        match ratatui::try_init() {
            Ok(terminal) => Ok(Self { terminal, events: EventStream::new() }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Draws the chat, in the size that the terminal has now.
    pub(super) fn draw(&mut self, conversation: &mut Conversation) -> io::Result<()> {
        self.terminal.draw(|frame| view::draw(frame, conversation)).map(drop)
    }

    /// The next key, or another size of the terminal. Cancel safe.
    pub(super) async fn next(&mut self) -> io::Result<Event> {
        self.events.next().await.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// An error means that there is no terminal any more, which then needs nothing.
fn restore() {
    let _ = ratatui::try_restore();
}

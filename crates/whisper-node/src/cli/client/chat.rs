//! `whisper-node chat`: a chat in the terminal, over a running node.
//!
//! It has the format of the chats in `examples/` and of the page of `--http.chat`, so all of them talk to each other.

mod conversation;
mod input;
mod log;
mod message;
mod posts;
mod room;
mod rows;
mod screen;
mod view;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use clap::Args;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::channel::Channel;
use super::connection::Target;
use crate::cli::failure::Failure;
use crate::cli::process::stop_signal::stop_signal;
use conversation::{Conversation, Step};
use room::{News, Room};
use screen::Screen;

/// Number of news that wait to be shown. Who brings more waits.
const MAX_NEWS: usize = 64;

/// The flags of the command.
#[derive(Args, Debug)]
pub(crate) struct Chat {
    /// Your name, which others see. Names are not signed: anyone with the key can use any name
    #[arg(long, value_parser = message::name)]
    name: String,

    #[command(flatten)]
    channel: Channel,

    #[command(flatten)]
    target: Target,

    /// Time to live of your messages, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    ttl: u32,

    /// Work of your messages
    #[arg(long, value_name = "POW", default_value_t = whisper_protocol::Config::default().min_work.get())]
    pow: f64,
}

impl Chat {
    /// Shows the chat until the user ends it, or a signal to stop. The terminal is then as it was.
    ///
    /// # Errors
    ///
    /// There is no terminal, no node answers, or the node ends.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return Err(Failure::NoScreen);
        }
        let stop = stop_signal().map_err(Failure::Signals)?;
        let node = self.target.connect().await?;
        let key = self.channel.add_key(&node).await?;
        let room = Arc::new(Room::join(node, key, self.channel.topic(), self.ttl, self.pow).await?);
        let conversation = Conversation::new(self.name, room.topic());
        let ended = tokio::select! {
            () = stop => Ok(()),
            ended = talk(&room, conversation) => ended,
        };
        room.leave().await;
        ended
    }
}

/// Shows what comes, and sends what is typed, until the user ends it.
async fn talk(room: &Arc<Room>, mut conversation: Conversation) -> Result<(), Failure> {
    let mut screen = Screen::open().map_err(Failure::Screen)?;
    let (news, mut arrivals) = mpsc::channel(MAX_NEWS);
    // They end with this function.
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(room).watch(news.clone()));
    tasks.spawn(Arc::clone(room).read_history(news.clone()));
    loop {
        screen.draw(&mut conversation).map_err(Failure::Screen)?;
        let step = tokio::select! {
            biased;
            event = screen.next() => conversation.handle_event(&event.map_err(Failure::Screen)?),
            Some(news) = arrivals.recv() => {
                if let News::Gone(failure) = news {
                    return Err(failure);
                }
                conversation.handle_news(news);
                Step::Stay
            }
        };
        match step {
            Step::Stay => {}
            Step::Send(text) => {
                let payload = conversation.payload(&text);
                tasks.spawn(Arc::clone(room).send(payload, text, news.clone()));
            }
            Step::End => return Ok(()),
        }
        // Those that have ended.
        while tasks.try_join_next().is_some() {}
    }
}

//! Our node: a server with Whisper and a second sub-protocol, as two teams would run them side by side.

use p2p_mux::{
    Exit, Protocol, Sender,
    identity::{Enode, NodeId, SecretKey},
    rlp::Item,
};
use p2p_server::{Config, Event, Events, Server};
use tokio::sync::mpsc;
use whisper_protocol::{Settings, Whisper};

use crate::{Failure, within};

/// What our node calls itself.
pub(crate) const NAME: &str = "whisper-node/interop";

/// The work it asks for: a few milliseconds to find.
pub(crate) const MIN_WORK: f64 = 0.01;

const PING: u64 = 0;
const PONG: u64 = 1;

/// What the echo protocol reports.
#[derive(Debug)]
pub(crate) enum Echo {
    /// It runs on a connection; pings can be sent by this.
    Open(Sender),
    /// The other end answered with this word.
    Pong(Vec<u8>),
}

/// A running node.
pub(crate) struct Node {
    pub(crate) whisper: Whisper,
    pub(crate) server: Server,
    events: Events,
    echoes: mpsc::Receiver<Echo>,
}

impl Node {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let whisper = Whisper::new(Settings { min_work: MIN_WORK, ..Settings::default() });
        let (heard, echoes) = mpsc::channel(16);
        let config = Config::new(SecretKey::random(&mut rand::rng()))
            .name(NAME)
            .listen("127.0.0.1:0")
            .protocols(whisper.protocols())
            .protocol(echo(heard));
        let server = Server::start(config).await?;
        let events = server.events();
        Ok(Self { whisper, server, events, echoes })
    }

    pub(crate) fn enode(&self) -> Enode {
        self.server.enode()
    }

    /// Waits until the peer `id` is connected.
    pub(crate) async fn connected(&mut self, id: &NodeId) -> Result<(), Failure> {
        match within("our node's connection with the peer", self.events.next()).await? {
            Some(Event::Added { id: added, .. }) if added == *id => Ok(()),
            other => Err(format!("instead of the peer's connection: {other:?}").into()),
        }
    }

    /// Waits until a peer is gone, and says how it ended.
    pub(crate) async fn dropped(&mut self) -> Result<p2p_mux::CloseReason, Failure> {
        match within("the end of the connection", self.events.next()).await? {
            Some(Event::Dropped { closed, .. }) => Ok(closed),
            other => Err(format!("instead of the end of the connection: {other:?}").into()),
        }
    }

    pub(crate) async fn echo(&mut self) -> Result<Echo, Failure> {
        within("the echo protocol on our node", self.echoes.recv())
            .await?
            .ok_or_else(|| "no echo protocol".into())
    }

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        within("the end of our node", async {
            self.server.stop().await;
            self.whisper.stop().await;
        })
        .await
    }
}

/// Answers every ping with a pong of the same word, and reports the pongs it gets.
fn echo(heard: mpsc::Sender<Echo>) -> Protocol {
    Protocol::new("echo", 1, 2, move |_, mut channel| {
        let heard = heard.clone();
        async move {
            // Nobody listens any more when the conversation is over.
            let _ = heard.send(Echo::Open(channel.sender())).await;
            while let Some(message) = channel.recv().await {
                match message.code {
                    PING => channel.send_raw(PONG, message.payload).await?,
                    PONG => {
                        let word = Item::parse(&message.payload)?.bytes()?.to_vec();
                        let _ = heard.send(Echo::Pong(word)).await;
                    }
                    code => return Err(Exit::unexpected(code)),
                }
            }
            Ok(())
        }
    })
}

/// Sends a ping by the echo protocol.
pub(crate) async fn ping(sender: &Sender, word: &[u8]) -> Result<(), Failure> {
    Ok(sender.send(PING, word).await?)
}

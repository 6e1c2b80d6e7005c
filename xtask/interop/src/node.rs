//! Our node: a server with Whisper and a second sub-protocol.

use p2p_mux::{
    Exit, Protocol, Sender,
    identity::{Enode, NodeId, SecretKey},
    rlp::Item,
};
use p2p_server::{Event, Events, Server};
use tokio::sync::mpsc;
use whisper_protocol::{Config, Whisper, Work};

use crate::check::{Failure, within};

/// The name of our node in its Hello.
pub(crate) const NAME: &str = "whisper-node/interop";

/// Minimum work of our node. An envelope with it is sealed in milliseconds.
pub(crate) const MIN_WORK: f64 = 0.01;

const PING: u64 = 0;
const PONG: u64 = 1;

/// An event of the echo protocol.
#[derive(Debug)]
pub(crate) enum Echo {
    /// It has started on a connection. The sender sends pings.
    Open(Sender),
    /// The peer has answered with this word.
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
        let whisper = Whisper::new(Config {
            min_work: Work::new(MIN_WORK).ok_or("not an amount of work")?,
            ..Config::default()
        });
        let (echo_sender, echoes) = mpsc::channel(16);
        let config = p2p_server::Config::new(SecretKey::random(&mut rand::rng()))
            .name(NAME)
            .listen("127.0.0.1:0")
            .protocols(whisper.protocols())
            .protocol(echo(echo_sender));
        let server = Server::start(config).await?;
        let events = server.events();
        Ok(Self { whisper, server, events, echoes })
    }

    pub(crate) fn enode(&self) -> Enode {
        self.server.enode()
    }

    /// Waits until the peer `id` is connected.
    pub(crate) async fn connected(&mut self, id: &NodeId) -> Result<(), Failure> {
        match within("our node connects with the peer", self.events.next()).await? {
            Some(Event::Added { id: added, .. }) if added == *id => Ok(()),
            other => Err(format!("instead of the peer's connection: {other:?}").into()),
        }
    }

    /// Waits until a peer is disconnected, and returns the reason.
    pub(crate) async fn dropped(&mut self) -> Result<p2p_mux::CloseReason, Failure> {
        match within("the connection ends", self.events.next()).await? {
            Some(Event::Dropped { closed, .. }) => Ok(closed),
            other => Err(format!("instead of the end of the connection: {other:?}").into()),
        }
    }

    pub(crate) async fn echo(&mut self) -> Result<Echo, Failure> {
        within("an event of the echo protocol on our node", self.echoes.recv())
            .await?
            .ok_or_else(|| "the echo protocol has ended".into())
    }

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        within("our node stops", async {
            self.server.stop().await;
            self.whisper.stop().await;
        })
        .await
    }
}

/// Answers every ping with a pong of the same word, and reports the pongs that it receives.
fn echo(events: mpsc::Sender<Echo>) -> Protocol {
    Protocol::new("echo", 1, 2, move |_, mut channel| {
        let events = events.clone();
        async move {
            // The receiver is closed when the check is over.
            let _ = events.send(Echo::Open(channel.sender())).await;
            while let Some(message) = channel.recv().await {
                match message.code {
                    PING => channel.send_raw(PONG, message.payload).await?,
                    PONG => {
                        let word = Item::parse(&message.payload)?.bytes()?.to_vec();
                        let _ = events.send(Echo::Pong(word)).await;
                    }
                    code => return Err(Exit::unexpected(code)),
                }
            }
            Ok(())
        }
    })
}

/// Sends a ping of the echo protocol.
pub(crate) async fn ping(sender: &Sender, word: &[u8]) -> Result<(), Failure> {
    Ok(sender.send(PING, word).await?)
}

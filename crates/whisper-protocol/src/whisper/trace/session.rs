//! Runs `trace/1` on one connection.

use std::sync::Arc;

use p2p_identity::{NodeId, causes};
use p2p_mux::{Channel, Exit, Receiver, SendError, Sender};

use super::{
    fault::TraceFault,
    peers::{Outgoing, TracePeers},
    settings::TraceSettings,
    tracer::Connection,
    wire::{TraceMessage, TraceStatus},
};

/// Runs until the connection ends, the node stops, or the peer violates the protocol, may not trace, or is in another network.
pub(super) async fn run(
    peers: &Arc<TracePeers>,
    peer: NodeId,
    channel: Channel,
) -> Result<(), Exit> {
    let Some(settings) = peers.settings() else { return Ok(()) };
    if !(settings.may_trace)(&peer) {
        return Ok(());
    }
    let (sender, mut receiver) = channel.split();
    let (code, status) = TraceMessage::Status(TraceStatus { network: settings.network }).encode();
    sender.send_raw(code, status).await?;
    let stop = peers.stop.clone();
    let talk = async {
        if !is_same_network(&settings, &mut receiver).await? {
            return Ok(());
        }
        let (connection, outgoing) = peers.insert(peer);
        let entry = Entry { peers, connection };
        let overrun = outgoing.overrun.clone();
        tokio::select! {
            biased;
            // Sending waits for a peer that does not read.
            () = overrun.cancelled() => Err(Ended::Fault(TraceFault::Flood)),
            sent = send_all(&sender, outgoing) => sent,
            read = read_all(&entry, &settings, &peer, &mut receiver) => read,
        }
    };
    let talked = stop.run_until_cancelled(talk).await.unwrap_or(Ok(()));
    if let Err(Ended::Fault(fault)) = &talked {
        tracing::debug!(%peer, error = %causes(fault), "trace/1 ends: the peer violated it");
    }
    Ok(talked?)
}

/// Why a connection ends.
enum Ended {
    Fault(TraceFault),
    Send(SendError),
}

impl From<Ended> for Exit {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Fault(fault) => Self::from(fault),
            Ended::Send(error) => Self::from(error),
        }
    }
}

/// Reads the status. Returns whether the peer is in the same network; false as well at the end of the connection.
async fn is_same_network(settings: &TraceSettings, receiver: &mut Receiver) -> Result<bool, Ended> {
    loop {
        let Some(message) = receiver.recv().await else { return Ok(false) };
        match TraceMessage::decode(message.code, &message.payload) {
            Ok(TraceMessage::Status(status)) => return Ok(status.network == settings.network),
            Ok(TraceMessage::Reserved(_)) => {}
            Ok(_) => return Err(Ended::Fault(TraceFault::NoStatus)),
            Err(error) => return Err(Ended::Fault(error.into())),
        }
    }
}

async fn send_all(sender: &Sender, mut outgoing: Outgoing) -> Result<(), Ended> {
    while let Some((code, payload)) = outgoing.next().await {
        sender.send_raw(code, payload).await.map_err(Ended::Send)?;
    }
    Err(Ended::Fault(TraceFault::Flood))
}

async fn read_all(
    entry: &Entry<'_>,
    settings: &TraceSettings,
    peer: &NodeId,
    receiver: &mut Receiver,
) -> Result<(), Ended> {
    while let Some(message) = receiver.recv().await {
        let message = TraceMessage::decode(message.code, &message.payload);
        match message.map_err(|error| Ended::Fault(error.into()))? {
            TraceMessage::Status(_) => return Err(Ended::Fault(TraceFault::SecondStatus)),
            TraceMessage::Reserved(_) => {}
            // The operator may have changed the list.
            TraceMessage::Question(_) if !(settings.may_trace)(peer) => return Ok(()),
            TraceMessage::Question(question) => {
                entry.peers.handle_question(settings, entry.connection, &question);
            }
            TraceMessage::Answer(answer) => entry.peers.handle_answer(entry.connection, answer),
        }
    }
    Ok(())
}

/// The entry of a connection in the table, removed on drop.
struct Entry<'a> {
    peers: &'a TracePeers,
    connection: Connection,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.peers.remove(self.connection);
    }
}

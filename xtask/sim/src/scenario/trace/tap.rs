//! A tap on the Whisper connections of a node: which peer brought an envelope first.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
};

use p2p_server::mux::{Channel, Exit, Protocol, Receiver, Sender, identity::NodeId, rlp::Item};
use whisper_envelope::{Dialect, Envelope};
use whisper_protocol::Whisper;

/// Number of message codes of shh/6.
const CODES: u64 = 128;

/// The code of the packet with envelopes.
const ENVELOPES: u64 = 1;

/// From whom a node got each envelope first; `None`: it was posted there.
#[derive(Debug, Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<BTreeMap<[u8; 32], Option<NodeId>>>>);

impl Arrivals {
    /// From whom the node got an envelope, if it has got it.
    pub(super) fn of(&self, hash: &[u8; 32]) -> Option<Option<NodeId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(hash).copied()
    }

    /// The envelope was posted at the node.
    pub(super) fn add_own(&self, hash: [u8; 32]) {
        // A peer may have sent it back by now.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hash, None);
    }

    fn add(&self, hash: [u8; 32], from: Option<NodeId>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(hash).or_insert(from);
    }

    /// What is in a packet with envelopes.
    fn add_packet(&self, payload: &[u8], from: NodeId) {
        let Ok(mut list) = Item::parse(payload).and_then(|item| item.items()) else { return };
        while let Ok(raw) = list.raw() {
            let envelope = Envelope::decode(Dialect::V6, bytes::Bytes::copy_from_slice(raw));
            if let Ok(envelope) = envelope {
                self.add(*envelope.hash(), Some(from));
            }
        }
    }
}

/// Whisper over a connection that is listened to.
pub(super) fn protocol(whisper: Whisper, arrivals: Arrivals) -> Protocol {
    Protocol::new("shh", 6, CODES, move |peer, channel| {
        let (whisper, arrivals, peer) = (whisper.clone(), arrivals.clone(), peer.id());
        async move {
            let (near, far) = Channel::pipe_of(6, CODES);
            let session = whisper.attach(peer, far);
            let (outer_sender, outer) = channel.split();
            let (inner_sender, inner) = near.split();
            let listen = |code: u64, payload: &[u8]| {
                if code == ENVELOPES {
                    arrivals.add_packet(payload, peer);
                }
            };
            let inward = pass(outer, inner_sender, listen);
            let outward = pass(inner, outer_sender, |_, _| {});
            // Only the session ends it: when the connection has ended, the session still reads what was passed to it.
            let passes = async {
                let _ = tokio::join!(inward, outward);
                pending().await
            };
            tokio::select! {
                biased;
                ended = session => ended,
                ended = passes => ended,
            }
        }
    })
}

/// Passes messages on until one of the ends closes.
async fn pass(mut from: Receiver, to: Sender, listen: impl Fn(u64, &[u8])) -> Result<(), Exit> {
    while let Some(message) = from.recv().await {
        listen(message.code, &message.payload);
        to.send_raw(message.code, message.payload.clone()).await?;
    }
    Ok(())
}

//! Packets beyond what a peer may send per second.

use p2p_mux::Message;

use super::Session;
use crate::{drops::reason::Reason, session::limit::Whose, wire::Kind, wire::fault::Fault};

impl Session {
    /// Whether the packet is to be read. One that is beyond the limits is dropped; but not what a
    /// peer says of itself, which would leave the node with a wrong idea of it for good, and which
    /// costs little. Direct messages of trusted peers are not limited: that is what they are for.
    pub(super) fn is_within_limits(&self, message: &Message) -> Result<bool, Fault> {
        let kind = self.wire.kind(message.code);
        if kind == Some(Kind::Direct) && self.hub.peers.is_trusted(&self.remote.id) {
            return Ok(true);
        }
        let Err(excess) = self.hub.handle_packet(&self.remote, message.payload.len()) else {
            return Ok(true);
        };
        if excess.intolerable {
            return Err(Fault::OverLimit);
        }
        let counters = &self.hub.counters.limits;
        if kind.is_some_and(is_of_itself) {
            counters.spared.one();
            return Ok(true);
        }
        self.note(match excess.whose {
            Whose::Peer => Reason::OverPeerLimit,
            Whose::Ip => Reason::OverIpLimit,
        });
        if kind == Some(Kind::Envelopes)
            && let Ok(envelopes) = (self.wire.envelopes)(&message.payload)
        {
            counters.envelopes.add(envelopes.filter(Result::is_ok).count());
        }
        Ok(false)
    }
}

/// Whether a peer says with such packets what it wants, and what it has.
fn is_of_itself(kind: Kind) -> bool {
    match kind {
        Kind::Status | Kind::MinWork | Kind::Bloom | Kind::Ack | Kind::Response | Kind::Rates => {
            true
        }
        Kind::Envelopes
        | Kind::Direct
        | Kind::SyncRequest
        | Kind::SyncResponse
        | Kind::Completion
        | Kind::Request => false,
    }
}

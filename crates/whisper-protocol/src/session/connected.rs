//! A peer between the exchange of status packets and the end of its session.

use std::sync::Arc;

use p2p_mux::{DisconnectReason, MemoryCharge};

use crate::{
    peers::peer_sender::PeerLink, peers::remote::Remote, receipts::ending::RefusalReason,
    relay::peer_slot::PeerSlot, session::context::SessionContext, stats::Counter,
    wire::status::Status,
};

/// A peer that refuses an envelope ends the connection with this reason.
const REFUSED: RefusalReason = RefusalReason::Disconnected(DisconnectReason::Subprotocol);

/// A peer with a slot in the relay. The slot is freed on drop, however the session ended.
pub(crate) struct ConnectedPeer {
    context: Arc<SessionContext>,
    slot: PeerSlot,
    remote: Remote,
}

impl ConnectedPeer {
    /// Adds the peer to the relay. `told`: the status that this node sent. `memory`: counts what the relay knows about the
    /// peer.
    pub(crate) fn join(
        context: &Arc<SessionContext>,
        remote: &Remote,
        theirs: Status,
        told: Status,
        link: PeerLink,
        memory: MemoryCharge,
    ) -> Self {
        let rule = context.rules.rule_of(remote);
        let relays = context.relays.relays();
        let slot = relays.join(remote.dialect, remote.id, theirs, told, rule);
        relays.count_memory(slot, memory);
        context.links.insert(slot, remote.id, link);
        if context.corrector.join(slot, remote) {
            context.relays.notify_expiry(); // an expiry may have come
        }
        context.relays.meetings().join(&remote.id, slot);
        context.tracker.handle_joined();
        Self { context: Arc::clone(context), slot, remote: remote.clone() }
    }

    pub(crate) fn slot(&self) -> PeerSlot {
        self.slot
    }

    /// Learns the peer's rule if it disconnected because of the work of an envelope.
    pub(crate) fn learn_rule(&self) {
        if !self.remote.has_disconnected_us() && !self.remote.has_vanished() {
            return;
        }
        let Some((_, state)) = self.context.relays.relays().peer(self.slot) else { return };
        let now = self.context.corrector.now();
        if let Some(rule) = self.context.rules.handle_left(now, &self.remote, &state) {
            self.context.counters.one(Counter::WorkLearned);
            tracing::info!(peer = %self.remote.id, ?rule, "peer disconnected because of too little work; its rule was learned");
        }
    }
}

impl Drop for ConnectedPeer {
    fn drop(&mut self) {
        // The relay comes after the others: it gives the slot to another peer.
        let Self { context, slot, remote } = self;
        context.relays.meetings().leave(&remote.id, *slot);
        context.links.remove(*slot);
        if context.corrector.leave(*slot) {
            context.relays.notify_expiry(); // an expiry may have come
        }
        context.relays.relays().leave(*slot);
        let reason = remote.has_disconnected_us().then_some(REFUSED);
        context.mail.awaited.handle_left(&remote.id);
        context.tracker.handle_left(&remote.id, reason.as_ref());
    }
}

//! The packets beyond EIP-627: acknowledgements, and packets of mail servers.
//!
//! None of them ends a session, whatever it contains: they are extensions, which nodes may ignore.

use bytes::Bytes;
use whisper_envelope::Envelope;

use super::Session;
use crate::{
    lock::lock,
    receipts::ending::RefusalReason,
    relay::admission::EnvelopeOutcome,
    relay::peer_slot::PeerSlot,
    relay::reject_reason::RejectReason,
    stats::{Counter, Reason},
    wire::PacketKind,
    wire::packet::{
        Ack, Completion, PacketError, Rates, RefusedEnvelope, Request, Response, SyncRequest,
        SyncResponse,
    },
};

impl Session {
    /// Handles a packet of an extension. A malformed one is counted and ignored.
    pub(super) fn handle_extension(&self, slot: PeerSlot, kind: PacketKind, payload: &Bytes) {
        if let Err(error) = self.try_extension(slot, kind, payload) {
            self.record(Reason::MalformedExtension);
            let error = p2p_identity::causes(&error).to_string();
            tracing::debug!(peer = %self.remote.id, ?kind, error, "malformed packet ignored");
        }
    }

    fn try_extension(
        &self,
        slot: PeerSlot,
        kind: PacketKind,
        payload: &Bytes,
    ) -> Result<(), PacketError> {
        match kind {
            PacketKind::Ack => self.handle_ack(Ack::decode(payload)?),
            PacketKind::Response => self.handle_response(&Response::decode(payload)?),
            PacketKind::Rates => {
                let rates = Rates::decode(payload)?;
                self.sender.set_rates(&rates);
                self.context.relays.change_peer(slot, |relay| relay.handle_rates(slot, rates));
                self.context.counters.one(Counter::RatesReceived);
            }
            PacketKind::SyncRequest => {
                let request = Request::Sync(SyncRequest::decode(payload)?);
                match self.context.mail.push(self.remote.id, self.wire.dialect, request) {
                    Ok(()) => self.context.counters.one(Counter::RequestsTaken),
                    Err(Reason::RequestIgnored) => self.record(Reason::SyncRequestIgnored),
                    Err(reason) => self.record(reason),
                }
            }
            PacketKind::SyncResponse => {
                SyncResponse::decode(payload)?;
                self.record(Reason::SyncResponseIgnored);
            }
            PacketKind::Completion => {
                let (completion, peer) = (Completion::decode(payload)?, &self.remote.id);
                if !self.context.mail.awaited.handle_completion(peer, completion) {
                    self.record(Reason::CompletionIgnored);
                }
            }
            PacketKind::Request => {
                let request = Request::decode(self.wire.dialect, payload)?;
                let mail = &self.context.mail;
                match mail.push(self.remote.id, self.wire.dialect, request) {
                    Ok(()) => self.context.counters.one(Counter::RequestsTaken),
                    Err(reason) => self.record(reason),
                }
            }
            PacketKind::Status
            | PacketKind::Envelopes
            | PacketKind::MinWork
            | PacketKind::Bloom
            | PacketKind::Direct => {}
        }
        Ok(())
    }

    /// A peer acknowledged a bundle.
    fn handle_ack(&self, ack: Ack) {
        let Some(envelopes) = lock(&self.unconfirmed).handle_ack(&ack.0) else {
            return self.record(Reason::Unexpected);
        };
        let peer = &self.remote.id;
        self.context.counters.one(Counter::Acks);
        self.context.tracker.handle_acknowledged(peer, &envelopes);
        tracing::trace!(%peer, envelopes = envelopes.len(), "bundle acknowledged");
    }

    /// A peer reported what it refused of a bundle. It does so before it acknowledges the bundle.
    fn handle_response(&self, response: &Response) {
        let mut unconfirmed = lock(&self.unconfirmed);
        if !unconfirmed.contains(&response.bundle) {
            return self.record(Reason::Unexpected);
        }
        for refused in &response.refused {
            if unconfirmed.handle_refused(&response.bundle, &refused.hash) {
                self.handle_refused(refused);
            }
        }
    }

    /// A peer refused an envelope that it was sent.
    fn handle_refused(&self, refused: &RefusedEnvelope) {
        let (counters, peer) = (&self.context.counters, &self.remote.id);
        counters.one(Counter::Refused);
        if refused.may_be_the_clock() {
            counters.one(Counter::RefusedForTheClock);
        }
        tracing::debug!(%peer, code = refused.code, text = ?refused.text, "envelope refused");
        let reason = RefusalReason::Answered { code: refused.code, text: refused.text.clone() };
        self.context.tracker.handle_refused(peer, &refused.hash, reason);
    }

    /// Remembers a bundle that is about to be sent, to a peer that will acknowledge it.
    pub(super) fn expect_ack(&self, bundle: &Bytes, envelopes: Vec<[u8; 32]>) {
        lock(&self.unconfirmed).handle_sent(Ack::of(bundle).0, envelopes);
    }

    /// Reports what was refused of a bundle, then acknowledges the bundle. Both are dropped if the send queue is full:
    /// reading must not wait for writing.
    pub(super) fn acknowledge(&self, bundle: &Bytes, refused: &[Refused]) {
        let ack = Ack::of(bundle);
        if !refused.is_empty() {
            let refused = refused.iter().map(Refused::report).collect();
            self.answer(PacketKind::Response, Response { bundle: ack.0, refused }.encode());
        }
        self.answer(PacketKind::Ack, ack.encode());
    }

    fn answer(&self, kind: PacketKind, payload: Bytes) {
        let Some(code) = self.wire.code(kind) else { return };
        if self.sender.try_send(code, payload).is_err() {
            self.record(Reason::AckUnsent);
        }
    }
}

/// Maximum number of a bundle's refused envelopes that are reported to the peer.
pub(super) const MAX_REPORTED: usize = 256;

/// An envelope of a peer that was rejected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    hash: [u8; 32],
    reason: RejectReason,
}

impl Refused {
    fn report(&self) -> RefusedEnvelope {
        let code = match self.reason {
            RejectReason::TtlBeyondExpiry
            | RejectReason::FromTheFuture { .. }
            | RejectReason::Expired
            | RejectReason::VeryOld => RefusedEnvelope::CLOCK,
            _ => RefusedEnvelope::OTHER,
        };
        RefusedEnvelope { hash: self.hash, code, text: self.reason.to_string() }
    }
}

/// The rejected envelopes of a batch.
pub(super) fn refused(
    batch: &[Envelope],
    outcomes: &[EnvelopeOutcome],
) -> impl Iterator<Item = Refused> {
    batch.iter().zip(outcomes).filter_map(|(envelope, outcome)| match *outcome {
        EnvelopeOutcome::Rejected(reason) => Some(Refused { hash: *envelope.hash(), reason }),
        EnvelopeOutcome::New | EnvelopeOutcome::Known => None,
    })
}

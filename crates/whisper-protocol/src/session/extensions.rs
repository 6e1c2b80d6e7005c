//! The packets beyond EIP-627: acknowledgements, and what is for mail servers.
//!
//! None of them ends a session, whatever it says: they are extensions, and who does not know them is
//! to ignore them.

use bytes::Bytes;
use whisper_envelope::Envelope;

use super::Session;
use crate::{
    drops::reason::Reason,
    lock::lock,
    relay::Seat,
    relay::admission::{Rejection, Verdict},
    wire::Kind,
    wire::packet::{
        Ack, Completion, PacketError, Rates, RefusedEnvelope, Request, Response, SyncRequest,
        SyncResponse,
    },
};

impl Session {
    /// A packet of an extension. One that is malformed is counted and ignored.
    pub(super) fn handle_extension(&self, seat: Seat, kind: Kind, payload: &Bytes) {
        if let Err(error) = self.try_extension(seat, kind, payload) {
            self.note(Reason::MalformedExtension);
            tracing::debug!(peer = %self.remote.id, ?kind, %error, "malformed packet ignored");
        }
    }

    fn try_extension(&self, seat: Seat, kind: Kind, payload: &Bytes) -> Result<(), PacketError> {
        match kind {
            Kind::Ack => self.handle_ack(Ack::decode(payload)?),
            Kind::Response => self.handle_response(&Response::decode(payload)?),
            Kind::Rates => {
                let rates = Rates::decode(payload)?;
                self.outlet.set_rates(&rates);
                self.hub.handle_rates(seat, rates);
                self.hub.counters.extensions.rates.one();
            }
            Kind::SyncRequest => {
                SyncRequest::decode(payload)?;
                self.note(Reason::SyncRequestIgnored);
            }
            Kind::SyncResponse => {
                SyncResponse::decode(payload)?;
                self.note(Reason::SyncResponseIgnored);
            }
            Kind::Completion => {
                Completion::decode(payload)?;
                self.note(Reason::CompletionIgnored);
            }
            Kind::Request => {
                let request = Request::decode(self.wire.dialect, payload)?;
                self.hub.handle_request(self.remote.id, self.wire.dialect, request);
            }
            Kind::Status | Kind::Envelopes | Kind::MinWork | Kind::Bloom | Kind::Direct => {}
        }
        Ok(())
    }

    fn handle_ack(&self, ack: Ack) {
        match lock(&self.unconfirmed).handle_ack(&ack.0) {
            Some(envelopes) => self.hub.handle_acknowledged(&self.remote.id, &envelopes),
            None => self.note(Reason::Unexpected),
        }
    }

    /// What a peer says of a bundle comes before it acknowledges it.
    fn handle_response(&self, response: &Response) {
        let mut unconfirmed = lock(&self.unconfirmed);
        if !unconfirmed.contains(&response.bundle) {
            return self.note(Reason::Unexpected);
        }
        for refused in &response.refused {
            if unconfirmed.handle_refused(&response.bundle, &refused.hash) {
                self.hub.handle_refused(&self.remote.id, refused);
            }
        }
    }

    /// Remembers a bundle that is about to be sent, to a peer that will acknowledge it.
    pub(super) fn expect_ack(&self, bundle: &Bytes, envelopes: Vec<[u8; 32]>) {
        lock(&self.unconfirmed).handle_sent(Ack::of(bundle).0, envelopes);
    }

    /// Acknowledges a bundle, and says before that what was refused of it, if there is room for that in
    /// what waits to be sent: who reads must not wait for who writes.
    pub(super) fn acknowledge(&self, bundle: &Bytes, refused: &[Refused]) {
        let ack = Ack::of(bundle);
        if !refused.is_empty() {
            let refused = refused.iter().map(Refused::answer).collect();
            self.answer(Kind::Response, Response { bundle: ack.0, refused }.encode());
        }
        self.answer(Kind::Ack, ack.encode());
    }

    fn answer(&self, kind: Kind, payload: Bytes) {
        let Some(code) = self.wire.code(kind) else { return };
        if self.outlet.try_send(code, payload).is_err() {
            self.note(Reason::AckUnsent);
        }
    }
}

/// How many of a bundle's refused envelopes the peer is told of.
pub(super) const MAX_ANSWERED: usize = 256;

/// An envelope of a peer that was not taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused {
    hash: [u8; 32],
    why: Rejection,
}

impl Refused {
    fn answer(&self) -> RefusedEnvelope {
        let code = match self.why {
            Rejection::TtlBeyondExpiry
            | Rejection::FromTheFuture { .. }
            | Rejection::Expired
            | Rejection::VeryOld => RefusedEnvelope::CLOCK,
            _ => RefusedEnvelope::OTHER,
        };
        RefusedEnvelope { hash: self.hash, code, text: self.why.to_string() }
    }
}

/// What was refused of a batch of envelopes.
pub(super) fn refused(batch: &[Envelope], verdicts: &[Verdict]) -> impl Iterator<Item = Refused> {
    batch.iter().zip(verdicts).filter_map(|(envelope, verdict)| match *verdict {
        Verdict::Rejected(why) => Some(Refused { hash: *envelope.hash(), why }),
        Verdict::New | Verdict::Known => None,
    })
}

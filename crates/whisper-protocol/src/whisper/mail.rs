//! Asks mail servers.

use p2p_identity::{NodeId, SecretKey};
use whisper_envelope::{Dialect, Draft, Envelope, Recipient};
use whisper_pow::{Rule, Target};

use super::Whisper;
use crate::{
    mail_server::MailRequests,
    mail_server::ask::{MailAnswer, MailAsk, MailAskError, MailSeal},
    peers::direct::DirectError,
    session::context::SessionContext,
    wire::PacketKind,
    wire::packet::{QueryForm, Request},
};

/// "No upper limit of the time of sending" in the forms in which 0 means 1970. One more overflows in go-ethereum's servers.
const NO_UPPER_LIMIT: u32 = u32::MAX - 1;

impl Whisper {
    /// Starts to read the peers' requests for old envelopes. An earlier reader gets no more of them.
    ///
    /// `capacity`: maximum number of requests that wait, at least 1. Further ones are dropped and counted
    /// ([`Reason::RequestsFull`](crate::Reason::RequestsFull)). Without a reader, requests are counted and ignored.
    #[must_use]
    pub fn mail_requests(&self, capacity: usize) -> MailRequests {
        self.context().mail.open(capacity)
    }

    /// Requests old envelopes from a peer that is a mail server. The peer answers with direct messages, which only filters
    /// that allow them receive. The peer is trusted from now on, as by [`mark_trusted`](Self::mark_trusted): otherwise its
    /// answer would be ignored.
    ///
    /// # Errors
    ///
    /// If no such peer is connected, or a sealed request is of another dialect than the peer speaks.
    pub async fn request_mail(
        &self,
        peer: NodeId,
        request: impl Into<Request>,
    ) -> Result<(), DirectError> {
        let (direct, request) = (&self.node.direct, request.into());
        let spoken = direct.dialect(&peer).ok_or(DirectError::NoSuchPeer(peer))?;
        let dialect = match &request {
            Request::Sealed(envelope) => envelope.dialect(),
            Request::Open { .. } | Request::Sync(_) => spoken,
        };
        let kind = match &request {
            Request::Sync(_) => PacketKind::SyncRequest,
            Request::Open { .. } | Request::Sealed(_) => PacketKind::Request,
        };
        self.context().trusted.insert(peer);
        direct.send(peer, dialect, kind, request.encode()).await
    }

    /// Requests old messages from a peer that is a mail server, and waits for the end of its answer. The messages come as
    /// direct messages, to the filters that allow those. The peer is trusted from now on, as by
    /// [`mark_trusted`](Self::mark_trusted).
    ///
    /// A peer is sent one request at a time; another one waits for the end of the one before. If the answer has a cursor, ask
    /// again with it. Dropping the future does not recall the request.
    ///
    /// # Errors
    ///
    /// [`MailAskError`]. go-ethereum's servers do not answer a request with a wrong password at all
    /// ([`MailAskError::Unanswered`]).
    pub async fn request_messages(
        &self,
        peer: NodeId,
        ask: MailAsk,
    ) -> Result<MailAnswer, MailAskError> {
        let unconnected = DirectError::NoSuchPeer(peer);
        let dialect = self.node.direct.dialect(&peer);
        let dialect = dialect.ok_or(MailAskError::Unsent(unconnected))?;
        if ask.rule.is_some() || matches!(ask.seal, MailSeal::Open) {
            return self.ask_once(peer, dialect, ask).await;
        }
        let rule = self.request_rule(&peer, dialect, ask.form);
        let first = MailAsk { rule: Some(rule), ..ask.clone() };
        match self.ask_once(peer, dialect, first).await {
            // No server says by which rule it counts. Those of status-go refuse what is none by theirs.
            Err(MailAskError::Refused(text)) if text.contains("PoW") => {
                let other = if rule == Rule::GETH_1_8 { Rule::EIP_627 } else { Rule::GETH_1_8 };
                self.ask_once(peer, dialect, MailAsk { rule: Some(other), ..ask }).await
            }
            answer => answer,
        }
    }

    async fn ask_once(
        &self,
        peer: NodeId,
        dialect: Dialect,
        ask: MailAsk,
    ) -> Result<MailAnswer, MailAskError> {
        let confirms = dialect == Dialect::V6
            && (matches!(ask.seal, MailSeal::Open) || ask.form != QueryForm::Binary);
        let timeout = ask.timeout;
        let mut awaited = self.context().mail.awaited.begin(peer).await;
        let request = self.mail_request(&peer, dialect, ask).await?;
        awaited.expect(request.id());
        self.request_mail(peer, request).await.map_err(MailAskError::Unsent)?;
        awaited.answer(timeout, confirms).await
    }

    async fn mail_request(
        &self,
        peer: &NodeId,
        dialect: Dialect,
        mut ask: MailAsk,
    ) -> Result<Request, MailAskError> {
        let is_rlp = ask.form != QueryForm::Binary && !matches!(ask.seal, MailSeal::Open);
        if ask.query.to == 0 && !is_rlp {
            ask.query.to = NO_UPPER_LIMIT;
        }
        let to = match &ask.seal {
            MailSeal::Open => {
                let id = p2p_world::rng().bytes();
                return Ok(Request::Open { id, query: ask.query });
            }
            MailSeal::Password(key) => Recipient::Symmetric(key),
            MailSeal::Server(key) => Recipient::Asymmetric(key),
        };
        Ok(Request::Sealed(self.seal_request(peer, dialect, to, &ask).await?))
    }

    /// Servers demand a signature, but do not check whose it is: each request has a key of its own, so that it does not show
    /// who asks.
    async fn seal_request(
        &self,
        peer: &NodeId,
        dialect: Dialect,
        to: Recipient<'_>,
        ask: &MailAsk,
    ) -> Result<Envelope, MailAskError> {
        let mut rng = p2p_world::rng();
        let signer = SecretKey::random(&mut rng);
        let message = ask.query.encode(ask.form);
        let draft = Draft::new(dialect, to, self.context().corrector.now()).payload(&message);
        let unsealed = draft.sign(&signer).encrypt(&mut rng).map_err(MailAskError::Unencrypted)?;
        let rule = ask.rule.unwrap_or_else(|| self.request_rule(peer, dialect, ask.form));
        let target = Target::AtLeast(ask.min_work);
        let sealed = self.miner.seal(&unsealed, rule, target, ask.timeout).await;
        Ok(sealed.map_err(MailAskError::Unsealed)?.envelope)
    }
    fn request_rule(&self, peer: &NodeId, dialect: Dialect, form: QueryForm) -> Rule {
        let SessionContext { links, relays, rules, .. } = self.context();
        let state = links.find(peer).and_then(|(slot, _)| relays.relays().peer(slot));
        let known = state.and_then(|(_, state)| state.rule());
        known.unwrap_or_else(|| match form {
            QueryForm::Binary => Rule::GETH_1_8,
            _ => rules.seal_rules(dialect, || []).0,
        })
    }
}

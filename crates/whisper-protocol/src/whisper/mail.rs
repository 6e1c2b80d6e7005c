//! Asks mail servers.

use p2p_identity::{NodeId, SecretKey};
use whisper_envelope::{Dialect, Draft, Envelope, Recipient};
use whisper_pow::{Rule, Target};

use super::Whisper;
use crate::{
    mail_server::MailRequests,
    mail_server::ask::{MailAnswer, MailAsk, MailAskError, MailSeal},
    mail_server::software::Software,
    peers::direct::DirectError,
    session::context::SessionContext,
    wire::PacketKind,
    wire::packet::{QueryForm, Request},
};

/// "No upper limit of the time of sending": 0 means 1970 in some forms. One more overflows in go-ethereum's servers.
const NO_UPPER_LIMIT: u32 = u32::MAX - 1;

/// The peer that is asked.
#[derive(Clone, Copy)]
struct Server {
    peer: NodeId,
    dialect: Dialect,
    software: Software,
}

/// How a request is written.
#[derive(Clone, Copy)]
struct Written {
    form: QueryForm,
    rule: Rule,
}

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
        let unconnected = MailAskError::Unsent(DirectError::NoSuchPeer(peer));
        let (slot, link) = self.context().links.find(&peer).ok_or(unconnected)?;
        let dialect = slot.dialect();
        let state = self.context().relays.relays().peer(slot);
        let is_extended = state.is_some_and(|(status, _)| status.is_extended);
        let software = Software::of_client(&link.client, dialect, is_extended);
        let server = Server { peer, dialect, software };
        let fitting = || software.forms(&ask.query);
        let (form, other) = ask.form.map_or_else(fitting, |form| (form, None));
        // A request that is not encrypted has one form.
        let other = other.filter(|_| !matches!(ask.seal, MailSeal::Open));
        match (self.ask_in_form(server, form, &ask).await, other) {
            (Err(MailAskError::Refused(_)), Some(form)) => {
                self.ask_in_form(server, form, &ask).await
            }
            (answer, _) => answer,
        }
    }

    async fn ask_in_form(
        &self,
        server: Server,
        form: QueryForm,
        ask: &MailAsk,
    ) -> Result<MailAnswer, MailAskError> {
        let rule = ask.rule.unwrap_or_else(|| self.request_rule(server, form));
        let written = Written { form, rule };
        match self.ask_once(server, written, ask.clone()).await {
            // No server says by which rule it counts. Those of status-go refuse what is none by theirs.
            Err(MailAskError::Refused(text)) if ask.rule.is_none() && text.contains("PoW") => {
                let other = if rule == Rule::GETH_1_8 { Rule::EIP_627 } else { Rule::GETH_1_8 };
                self.ask_once(server, Written { rule: other, ..written }, ask.clone()).await
            }
            answer => answer,
        }
    }

    async fn ask_once(
        &self,
        server: Server,
        written: Written,
        ask: MailAsk,
    ) -> Result<MailAnswer, MailAskError> {
        let Server { peer, software, .. } = server;
        let timeout = ask.timeout;
        let mut awaited = self.context().mail.awaited.begin(peer).await;
        let request = self.mail_request(server, written, ask).await?;
        awaited.expect(request.id());
        self.request_mail(peer, request).await.map_err(MailAskError::Unsent)?;
        awaited.answer(timeout, software.confirms()).await
    }

    async fn mail_request(
        &self,
        server: Server,
        written: Written,
        mut ask: MailAsk,
    ) -> Result<Request, MailAskError> {
        // In all forms, as the cursor of an answer in one form may be sent in another, and belongs to these times.
        if ask.query.to == 0 {
            ask.query.to = NO_UPPER_LIMIT;
        }
        let to = match &ask.seal {
            MailSeal::Open => {
                let (id, query) = (p2p_world::rng().bytes(), ask.query);
                let query = match server.software {
                    Software::Own => query,
                    // Those of status-go disconnect a client that sends a list of topics over shh/6.
                    Software::GoEthereum | Software::StatusGo | Software::Other => {
                        query.without_topics()
                    }
                };
                return Ok(Request::Open { id, query });
            }
            MailSeal::Password(key) => Recipient::Symmetric(key),
            MailSeal::Server(key) => Recipient::Asymmetric(key),
        };
        Ok(Request::Sealed(self.seal_request(server.dialect, written, to, &ask).await?))
    }

    /// Servers demand a signature, but do not check whose it is: each request has a key of its own, so that it does not show
    /// who asks.
    async fn seal_request(
        &self,
        dialect: Dialect,
        written: Written,
        to: Recipient<'_>,
        ask: &MailAsk,
    ) -> Result<Envelope, MailAskError> {
        let mut rng = p2p_world::rng();
        let signer = SecretKey::random(&mut rng);
        let message = ask.query.encode(written.form);
        let draft = Draft::new(dialect, to, self.context().corrector.now()).payload(&message);
        let unsealed = draft.sign(&signer).encrypt(&mut rng).map_err(MailAskError::Unencrypted)?;
        let target = Target::AtLeast(ask.min_work);
        let sealed = self.miner.seal(&unsealed, written.rule, target, ask.timeout).await;
        Ok(sealed.map_err(MailAskError::Unsealed)?.envelope)
    }

    /// The rule under which the work of a request is most probably enough for the server.
    fn request_rule(&self, server: Server, form: QueryForm) -> Rule {
        let SessionContext { links, relays, rules, .. } = self.context();
        let state = links.find(&server.peer).and_then(|(slot, _)| relays.relays().peer(slot));
        let known = state.and_then(|(_, state)| state.rule());
        known.unwrap_or_else(|| match form {
            QueryForm::Binary => Rule::GETH_1_8,
            _ => rules.seal_rules(server.dialect, || []).0,
        })
    }
}

//! Answers peers' requests for old envelopes from an archive.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use p2p_identity::causes;
use p2p_world::World;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use whisper_envelope::{Dialect, Envelope, Message};
use whisper_pow::Policy;

use super::{
    MailRequest, MailRequests, cursor,
    refusal::Refusal,
    settings::MailServerSettings,
    sync,
    turns::{Turn, Turns},
};
use crate::{
    Archive, ArchiveError, ArchiveId, HistoryFilter, HistoryPage, HistoryQuery,
    lock::lock,
    peers::direct::DirectError,
    wire::packet::{Completion, Query, Request, SyncResponse},
};

/// Maximum time to hand a packet over to a peer. A slower one gets no more, and no completion.
const HANDOVER: Duration = Duration::from_secs(60);

/// Maximum number of pages that are read for requests at the same time.
const MAX_READS: usize = 8;

/// Maximum number of envelopes that are read from the archive at once.
const PAGE: usize = 100;

/// Maximum number of topics of a request: each of them is looked up.
const MAX_TOPICS: usize = 4096;

/// Maximum bytes of envelopes in one packet.
const BUNDLE: usize = 256 * 1024;

/// Answers peers' requests for old envelopes from an archive, in each form that clients use.
///
/// - The answer has the envelopes that were sent in the time that is asked for, of the topics that are asked for, in the
///   order in which this node received them.
/// - A client of shh/6 is told the end of each answer, with a cursor if there is more, or the reason why there is none.
/// - Another mail server of status-go may copy envelopes, if it may ask in the open.
/// - One request of a peer is answered at a time.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use p2p_world::SystemWorld;
/// use whisper_protocol::{Archive, MailServer, MailServerSettings, SymmetricKey, Whisper};
///
/// # async fn serve(whisper: Whisper, archive: Arc<dyn Archive>) {
/// whisper.record(Arc::clone(&archive));
/// let password = Some(SymmetricKey::from_password(b"shared by the clients"));
/// let settings = MailServerSettings { password, ..MailServerSettings::default() };
/// let server = MailServer::new(SystemWorld::shared(), archive, settings);
/// server.run(whisper.mail_requests(64)).await;
/// # }
/// ```
#[derive(Debug)]
pub struct MailServer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    world: Arc<dyn World>,
    archive: Arc<dyn Archive>,
    settings: MailServerSettings,
    turns: Mutex<Turns>,
    /// For each page that may be read at the same time.
    reads: Semaphore,
}

/// How an answer ended.
struct Answered {
    last: Option<[u8; 32]>,
    cursor: Option<[u8; 36]>,
}

/// Why an answer did not end.
enum Stopped {
    /// The client is told.
    Refused(Refusal),
    /// The client is gone, or does not read.
    Gone,
}

impl MailServer {
    /// A server that answers from this archive.
    #[must_use]
    pub fn new(
        world: Arc<dyn World>,
        archive: Arc<dyn Archive>,
        settings: MailServerSettings,
    ) -> Self {
        let turns = Mutex::new(Turns::new(settings.interval));
        let reads = Semaphore::new(MAX_READS);
        Self(Arc::new(Inner { world, archive, settings, turns, reads }))
    }

    /// Answers requests until there is another reader of them, or the node stops.
    pub async fn run(&self, mut requests: MailRequests) {
        while let Some(request) = requests.next().await {
            let turn = lock(&self.0.turns).begin(request.peer, Instant::now());
            if turn == Turn::Ignored {
                tracing::debug!(peer = %request.peer, "a peer sends too many requests to the mail server");
                continue;
            }
            let inner = Arc::clone(&self.0);
            self.0.world.spawn(Box::pin(async move {
                inner.serve(&request, turn).await;
                lock(&inner.turns).end(request.peer, turn, Instant::now());
            }));
        }
    }
}

impl Inner {
    /// Answers a request, and tells the client how the answer ended.
    async fn serve(&self, request: &MailRequest, turn: Turn) {
        let outcome = match turn {
            Turn::Answered => self.answer(request).await,
            Turn::Refused | Turn::Ignored => Err(Stopped::Refused(Refusal::TooOften)),
        };
        let end = match outcome {
            Ok(answered) => Ok(answered),
            Err(Stopped::Refused(refusal)) => {
                tracing::debug!(peer = %request.peer, %refusal, "a request to the mail server is refused");
                Err(refusal.to_string())
            }
            Err(Stopped::Gone) => {
                return tracing::debug!(peer = %request.peer, "a client does not read the answer of the mail server");
            }
        };
        // Clients of shh/5 know no completions, and one that is gone needs none.
        let _ = timeout(HANDOVER, finish(request, end)).await;
    }

    async fn answer(&self, request: &MailRequest) -> Result<Answered, Stopped> {
        let query = self.query(request).map_err(Stopped::Refused)?;
        let archive = self.archive.id();
        let mut history = self.history(request, &query, archive).map_err(Stopped::Refused)?;
        let mut left = self.limit(&query);
        // Clients of shh/5 read only packets of one.
        let batch = query.batch && request.dialect == Dialect::V6;
        let mut last = None;
        loop {
            history.limit = left.min(PAGE);
            let HistoryPage { envelopes, end, more, newest, .. } =
                self.page(history.clone()).await.map_err(|error| {
                    tracing::warn!(error = %causes(&error), "the mail server cannot read the archive");
                    Stopped::Refused(Refusal::Archive)
                })?;
            // Its numbers are no longer those of the cursor. One that is beyond the store is of a newer copy.
            if self.archive.id() != archive || newest < history.after {
                return Err(Stopped::Refused(Refusal::OtherArchive));
            }
            left -= envelopes.len().min(left);
            last = envelopes.last().map(|stored| *stored.envelope.hash()).or(last);
            let envelopes: Vec<_> = envelopes.into_iter().map(|stored| stored.envelope).collect();
            send(request, batch, &envelopes).await?;
            if !more || left == 0 {
                let cursor = more.then(|| cursor::encode(end, archive, &query));
                return Ok(Answered { last, cursor });
            }
            history.after = end;
        }
    }

    /// Reads a page when it has its turn.
    async fn page(&self, query: HistoryQuery) -> Result<HistoryPage, ArchiveError> {
        // It is never closed.
        let _permit = self.reads.acquire().await;
        self.archive.page(query).await
    }

    /// What a request asks for, if the peer may ask.
    fn query(&self, request: &MailRequest) -> Result<Query, Refusal> {
        match &request.request {
            Request::Open { query, .. } if self.settings.open.allows(&request.peer) => {
                Ok(query.clone())
            }
            Request::Sync(sync) if self.settings.open.allows(&request.peer) => {
                Ok(sync::query(sync))
            }
            Request::Open { .. } | Request::Sync(_) => Err(Refusal::NotAllowed),
            Request::Sealed(envelope) => {
                let required = self.settings.min_work.get();
                let work = Policy::default().work(envelope).map_or(0.0, |work| work.get());
                if work < required {
                    return Err(Refusal::LowWork { work, required });
                }
                let message = self.open(envelope).ok_or(Refusal::Undecryptable)?;
                if message.signer.is_none() {
                    return Err(Refusal::Unsigned);
                }
                Ok(Query::decode(&message.payload)?)
            }
        }
    }

    fn open(&self, envelope: &Envelope) -> Option<Message> {
        let MailServerSettings { password, key, .. } = &self.settings;
        let by_password = || envelope.open_symmetric(password.as_ref()?).ok();
        let by_key = || envelope.open_asymmetric(key.as_ref()?).ok();
        by_password().or_else(by_key)
    }

    fn history(
        &self,
        request: &MailRequest,
        query: &Query,
        archive: ArchiveId,
    ) -> Result<HistoryQuery, Refusal> {
        // Both mean "no limit": clients of go-ethereum send the greatest time.
        let to = if query.to == 0 { u32::MAX } else { query.to };
        if query.from > to {
            return Err(Refusal::Range);
        }
        if query.topics.len() > MAX_TOPICS {
            return Err(Refusal::Topics { count: query.topics.len(), limit: MAX_TOPICS });
        }
        let filter = match (&query.topics[..], query.bloom) {
            ([], None) => HistoryFilter::All,
            ([], Some(bloom)) => HistoryFilter::Bloom(Box::new(bloom)),
            (topics, _) => HistoryFilter::Topics(topics.to_vec()),
        };
        let after = cursor::decode(archive, query)?;
        let dialect = Some(request.dialect);
        Ok(HistoryQuery { dialect, sent: query.from..=to, after, ..HistoryQuery::new(filter) })
    }

    /// Maximum number of envelopes of an answer. go-ethereum's clients name none and cannot ask for the rest.
    fn limit(&self, query: &Query) -> usize {
        let limit = match query.limit {
            0 if !query.batch => u32::MAX,
            0 => self.settings.max_limit,
            limit => limit.min(self.settings.max_limit),
        };
        usize::try_from(limit).unwrap_or(usize::MAX)
    }
}

/// Tells a client how its answer has ended.
async fn finish(request: &MailRequest, end: Result<Answered, String>) -> Result<(), DirectError> {
    if let Request::Sync(_) = &request.request {
        let end = end.as_ref().map(|answered| answered.cursor).map_err(String::as_str);
        return request.respond(&sync::end(end)).await;
    }
    let id = request.request.id();
    let completion = match end {
        Ok(Answered { last, cursor }) => {
            // status-go expects a hash even if nothing was sent.
            Completion::Done { request: id, last: Some(last.unwrap_or_default()), cursor }
        }
        Err(text) => Completion::Failed { request: id, text },
    };
    request.complete(&completion).await
}

/// Sends envelopes one by one, or in packets of several.
async fn send(request: &MailRequest, batch: bool, envelopes: &[Envelope]) -> Result<(), Stopped> {
    let mut rest = envelopes;
    while !rest.is_empty() {
        let (bundle, after) = rest.split_at(if batch { bundle(rest) } else { 1 });
        let sent = timeout(HANDOVER, async {
            match (&request.request, bundle) {
                (Request::Sync(_), part) => {
                    request.respond(&SyncResponse::new(part, Bytes::new(), false, "")).await
                }
                (_, [one]) => request.answer(one).await,
                (_, several) => request.answer_all(several).await,
            }
        });
        match sent.await {
            Ok(Ok(())) => rest = after,
            Ok(Err(DirectError::NoSuchPeer(_) | DirectError::OtherDialect { .. })) | Err(_) => {
                return Err(Stopped::Gone);
            }
        }
    }
    Ok(())
}

/// Number of envelopes for one packet: at least one.
fn bundle(envelopes: &[Envelope]) -> usize {
    let mut bytes = 0;
    let fits = envelopes.iter().take_while(|envelope| {
        bytes += envelope.raw().len();
        bytes <= BUNDLE
    });
    fits.count().max(1)
}

//! A task that reads lists: [`ListClient`] with a DNS resolver.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_core::Stream;
use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::RData,
    system_conf::read_system_conf,
};
use p2p_identity::Record;
use p2p_world::rng;
use thiserror::Error;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    client::{ListClient, ListClientConfig, ListClientStats, ListProgress, TxtQuery},
    link::Link,
    query_error::QueryError,
};

/// Share of the timeout of a query after which the resolver reports a failure. The rest is time
/// for the cause to arrive before the client counts the query as failed.
const RESOLVER_TIMEOUT_PERCENT: u32 = 90;

/// Maximum number of records that wait to be taken. No queries are sent while the queue is full.
const MAX_QUEUED: usize = 16;

/// The DNS servers to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum Servers {
    /// The servers that the operating system is configured with.
    #[default]
    System,
    /// These servers, over UDP; over TCP if an answer is too long.
    At(Vec<SocketAddr>),
}

/// The DNS resolver could not be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListsError {
    /// The configuration of the operating system has no DNS servers, or could not be read.
    #[error("cannot find the DNS servers of the operating system")]
    System(#[source] ResolverError),
    /// The resolver could not be created.
    #[error("cannot create a DNS resolver")]
    Resolver(#[source] ResolverError),
}

/// An error of the DNS resolver. It has no source, because its text contains the texts of all its causes.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ResolverError(NetError);

impl ResolverError {
    pub(crate) const fn new(error: NetError) -> Self {
        Self(error)
    }
}

impl From<io::Error> for ResolverError {
    fn from(error: io::Error) -> Self {
        Self(error.into())
    }
}

/// Reads lists in a task, which ends when this handle is dropped.
///
/// [`ListClientConfig`] limits the rate of queries, their number and the memory. No queries are sent
/// while 16 records wait to be taken.
#[derive(Debug)]
pub struct Lists {
    records: mpsc::Receiver<Record>,
    state: watch::Receiver<(ListProgress, ListClientStats)>,
    error: watch::Receiver<Option<QueryError>>,
    _stop_on_drop: DropGuard,
}

impl Lists {
    /// Starts reading the lists `links`. Must be called within a tokio runtime with the IO and time
    /// drivers enabled.
    ///
    /// # Errors
    ///
    /// [`ListsError`].
    pub fn start(
        config: ListClientConfig,
        servers: &Servers,
        links: impl IntoIterator<Item = Link>,
    ) -> Result<Self, ListsError> {
        let resolver = Resolver::new(servers, &config)?;
        let now = time::Instant::now().into_std();
        let mut client = ListClient::new(config);
        for link in links {
            client.add(link, now);
        }
        let (sender, records) = mpsc::channel(MAX_QUEUED);
        let (publish, state) = watch::channel((client.progress(), client.stats()));
        let quit = CancellationToken::new();
        let (publish_error, error) = watch::channel(None);
        let reader = Reader {
            client,
            resolver,
            answers: JoinSet::new(),
            records: sender,
            publish,
            publish_error,
        };
        tokio::spawn(quit.clone().run_until_cancelled_owned(reader.run()));
        Ok(Self { records, state, error, _stop_on_drop: quit.drop_guard() })
    }

    /// The next record. A node appears again after [`ListClientConfig::walk_interval`]. Returns `None`
    /// only when the runtime shuts down. Cancel safe.
    pub async fn next(&mut self) -> Option<Record> {
        self.records.recv().await
    }

    /// Waits until [`Lists::progress`] or [`Lists::stats`] changes.
    pub async fn changed(&mut self) {
        if self.state.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// [`Lists::progress`] and [`Lists::stats`], with notice of changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<(ListProgress, ListClientStats)> {
        self.state.clone()
    }

    /// How much of the lists has been read.
    #[must_use]
    pub fn progress(&self) -> ListProgress {
        self.state.borrow().0
    }

    /// Why the last query that failed has failed. It may have been repeated with success since.
    #[must_use]
    pub fn last_error(&self) -> Option<QueryError> {
        self.error.borrow().clone()
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> ListClientStats {
        self.state.borrow().1
    }
}

/// As [`Lists::next`].
impl Stream for Lists {
    type Item = Record;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Record>> {
        self.records.poll_recv(context)
    }
}

/// A DNS resolver, and the servers that it asks.
#[derive(Clone)]
struct Resolver {
    resolver: TokioResolver,
    servers: Arc<[SocketAddr]>,
    timeout: Duration,
}

impl Resolver {
    fn new(servers: &Servers, config: &ListClientConfig) -> Result<Self, ListsError> {
        let (resolver_config, mut options) = match servers {
            Servers::System => {
                read_system_conf().map_err(|error| ListsError::System(ResolverError::new(error)))?
            }
            Servers::At(addrs) => {
                let servers = addrs.iter().map(|addr| {
                    let mut server = NameServerConfig::udp_and_tcp(addr.ip());
                    for connection in &mut server.connections {
                        connection.port = addr.port();
                    }
                    server
                });
                let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
                (config, ResolverOpts::default())
            }
        };
        let addr = |server: &NameServerConfig| {
            server.connections.first().map(|first| SocketAddr::new(server.ip, first.port))
        };
        let servers = resolver_config.name_servers().iter().filter_map(addr).collect();
        let timeout = config.query_timeout * RESOLVER_TIMEOUT_PERCENT / 100;
        // The client has its own retries, cache and timeouts.
        options.attempts = 1;
        options.cache_size = 0;
        options.timeout = timeout;
        options.edns0 = true;
        let provider = TokioRuntimeProvider::default();
        let builder = TokioResolver::builder_with_config(resolver_config, provider);
        let resolver = builder
            .with_options(options)
            .build()
            .map_err(|error| ListsError::Resolver(ResolverError::new(error)))?;
        Ok(Self { resolver, servers, timeout })
    }

    /// The TXT records of a name. Empty if the name does not exist.
    async fn ask(self, query: TxtQuery) -> QueryAnswer {
        // With the dot at the end, the resolver does not try search domains.
        let name = format!("{}.", query.name);
        let lookup = time::timeout(self.timeout, self.resolver.txt_lookup(name)).await;
        let texts = match lookup.unwrap_or(Err(NetError::Timeout)) {
            Ok(lookup) => Ok(lookup
                .answers()
                .iter()
                .filter_map(|record| match &record.data {
                    RData::TXT(txt) => String::from_utf8(txt.txt_data.concat()).ok(),
                    _ => None,
                })
                .collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(error) => {
                tracing::debug!(name = query.name, %error, "a DNS query failed");
                Err(QueryError::new(&error, &self.servers))
            }
        };
        (query.number, texts)
    }
}

/// The number of a query, and its answer.
type QueryAnswer = (u64, Result<Vec<String>, QueryError>);

struct Reader {
    client: ListClient,
    resolver: Resolver,
    answers: JoinSet<QueryAnswer>,
    records: mpsc::Sender<Record>,
    publish: watch::Sender<(ListProgress, ListClientStats)>,
    publish_error: watch::Sender<Option<QueryError>>,
}

impl Reader {
    async fn run(mut self) {
        loop {
            // Answers first: the timeouts of answered queries must not fire.
            while let Some(Ok((number, texts))) = self.answers.try_join_next() {
                self.handle_answer(number, texts);
            }
            while let Some(record) = self.client.poll_record() {
                if self.records.send(record).await.is_err() {
                    return;
                }
            }
            while let Some(query) = self.client.poll_query(now(), &mut rng()) {
                self.answers.spawn(self.resolver.clone().ask(query));
            }
            if let Some(record) = self.client.poll_record() {
                // `poll_query` has found it in the cache.
                if self.records.send(record).await.is_err() {
                    return;
                }
                continue;
            }
            // After the records: a reader that sees the end of the walks has received all of them.
            self.publish.send_replace((self.client.progress(), self.client.stats()));
            let timeout = self.client.poll_timeout(now());
            tokio::select! {
                biased;
                Some(Ok((number, texts))) = self.answers.join_next() => self.handle_answer(number, texts),
                () = sleep_until(timeout) => {}
                () = self.records.closed() => return,
            }
        }
    }

    fn handle_answer(&mut self, number: u64, texts: Result<Vec<String>, QueryError>) {
        match texts {
            Ok(texts) => self.client.handle_answer(number, &texts, now()),
            Err(error) => {
                self.publish_error.send_replace(Some(error));
                self.client.handle_failure(number, now());
            }
        }
    }
}

/// The clock of the runtime, which tests can pause.
fn now() -> Instant {
    time::Instant::now().into_std()
}

async fn sleep_until(timeout: Option<Instant>) {
    match timeout {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

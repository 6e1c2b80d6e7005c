//! The task that reads lists: [`ListClient`] over a DNS resolver.

use std::{
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use futures_core::Stream;
use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::RData,
};
use p2p_identity::Record;
use rand_core::{OsRng, TryRngCore as _};
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
};

/// Records that wait to be taken: nothing more is asked for then.
const WAITING: usize = 16;

/// Which DNS servers to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum Servers {
    /// Those of the operating system.
    #[default]
    System,
    /// These, over UDP, and over TCP where an answer is too long.
    At(Vec<SocketAddr>),
}

/// Why lists cannot be read at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ListsError {
    /// The operating system names no DNS servers, or in a form that cannot be read.
    #[error("the system's DNS servers are not known")]
    System(#[source] NetError),
    /// The resolver could not be set up.
    #[error("no DNS resolver")]
    Resolver(#[source] NetError),
}

/// Reads DNS lists in a task of its own, which ends when this is dropped.
///
/// Bounded: [`ListClientConfig`] limits pace, questions and memory, and while 16 records wait to be
/// taken nothing is asked.
#[derive(Debug)]
pub struct Lists {
    records: mpsc::Receiver<Record>,
    state: watch::Receiver<(ListProgress, ListClientStats)>,
    _quit: DropGuard,
}

impl Lists {
    /// Starts reading `links`. Must be called within a tokio runtime with its IO and time drivers on.
    ///
    /// # Errors
    ///
    /// [`ListsError`].
    pub fn start(
        config: ListClientConfig,
        servers: &Servers,
        links: impl IntoIterator<Item = Link>,
    ) -> Result<Self, ListsError> {
        let resolver = resolver(servers, &config)?;
        let now = time::Instant::now().into_std();
        let mut client = ListClient::new(config);
        for link in links {
            client.add(link, now);
        }
        let (sender, records) = mpsc::channel(WAITING);
        let (tell, state) = watch::channel((client.progress(), client.stats()));
        let quit = CancellationToken::new();
        let reader = Reader { client, resolver, answers: JoinSet::new(), records: sender, tell };
        tokio::spawn(quit.clone().run_until_cancelled_owned(reader.run()));
        Ok(Self { records, state, _quit: quit.drop_guard() })
    }

    /// The next record. The same node comes again after [`ListClientConfig::walk_interval`]; `None` never, unless
    /// the runtime ends. May be cancelled.
    pub async fn next(&mut self) -> Option<Record> {
        self.records.recv().await
    }

    /// Waits until something has changed in what [`Lists::progress`] and [`Lists::stats`] say.
    pub async fn changed(&mut self) {
        if self.state.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Follows what [`Lists::progress`] and [`Lists::stats`] say.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<(ListProgress, ListClientStats)> {
        self.state.clone()
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> ListProgress {
        self.state.borrow().0
    }

    /// What was counted.
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

fn resolver(servers: &Servers, config: &ListClientConfig) -> Result<TokioResolver, ListsError> {
    let mut builder = match servers {
        Servers::System => TokioResolver::builder_tokio().map_err(ListsError::System)?,
        Servers::At(addrs) => {
            let servers = addrs.iter().map(|addr| {
                let mut server = NameServerConfig::udp_and_tcp(addr.ip());
                for connection in &mut server.connections {
                    connection.port = addr.port();
                }
                server
            });
            let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options: &mut ResolverOpts = builder.options_mut();
    // The machine repeats, remembers and gives up by its own rules.
    options.attempts = 1;
    options.cache_size = 0;
    options.timeout = config.query_timeout;
    options.edns0 = true;
    builder.build().map_err(ListsError::Resolver)
}

struct Reader {
    client: ListClient,
    resolver: TokioResolver,
    answers: JoinSet<(u64, Option<Vec<String>>)>,
    records: mpsc::Sender<Record>,
    tell: watch::Sender<(ListProgress, ListClientStats)>,
}

impl Reader {
    async fn run(mut self) {
        loop {
            // What has been answered counts, however long we were kept from looking.
            while let Some(Ok((number, texts))) = self.answers.try_join_next() {
                self.hand_in(number, texts);
            }
            while let Some(record) = self.client.poll_record() {
                if self.records.send(record).await.is_err() {
                    return;
                }
            }
            while let Some(query) = self.client.poll_query(now(), &mut OsRng.unwrap_err()) {
                self.answers.spawn(ask(self.resolver.clone(), query));
            }
            if let Some(record) = self.client.poll_record() {
                // Found in what is remembered, while looking for a question.
                if self.records.send(record).await.is_err() {
                    return;
                }
                continue;
            }
            // All that was found has been handed on: who reads that all is done has all.
            self.tell.send_replace((self.client.progress(), self.client.stats()));
            let timeout = self.client.poll_timeout(now());
            tokio::select! {
                Some(Ok((number, texts))) = self.answers.join_next() => self.hand_in(number, texts),
                () = until(timeout) => {}
                () = self.records.closed() => return,
            }
        }
    }

    fn hand_in(&mut self, number: u64, texts: Option<Vec<String>>) {
        match texts {
            Some(texts) => self.client.handle_answer(number, &texts, now()),
            None => self.client.handle_failure(number, now()),
        }
    }
}

/// The clock of the runtime, which a test can stop.
fn now() -> Instant {
    time::Instant::now().into_std()
}

async fn until(timeout: Option<Instant>) {
    match timeout {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// The texts under a name; none where there is no such name, `None` where nobody could say.
async fn ask(resolver: TokioResolver, query: TxtQuery) -> (u64, Option<Vec<String>>) {
    // The dot at the end keeps the system's search domains away.
    let texts = match resolver.txt_lookup(format!("{}.", query.name)).await {
        Ok(lookup) => Some(
            lookup
                .answers()
                .iter()
                .filter_map(|record| match &record.data {
                    RData::TXT(txt) => String::from_utf8(txt.txt_data.concat()).ok(),
                    _ => None,
                })
                .collect(),
        ),
        Err(error) if error.is_no_records_found() => Some(Vec::new()),
        Err(error) => {
            tracing::debug!(name = query.name, %error, "a DNS question was not answered");
            None
        }
    };
    (query.number, texts)
}

//! An archive in memory.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use whisper_protocol::{
    Appended, Archive, ArchiveFuture, ArchiveId, Envelope, HistoryPage, HistoryQuery,
    StoredEnvelope,
};

#[derive(Debug)]
pub struct MemoryArchive {
    stored: Mutex<Vec<Envelope>>,
    newest: watch::Sender<u64>,
}

impl MemoryArchive {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { stored: Mutex::default(), newest: watch::Sender::new(0) })
    }

    fn append_now(&self, envelopes: Vec<Envelope>) -> Vec<Appended> {
        let mut stored = self.stored.lock().unwrap();
        let mut append = |envelope: Envelope| {
            let found = stored.iter().position(|other| *other == envelope);
            let index = found.unwrap_or(stored.len());
            if found.is_none() {
                stored.push(envelope);
            }
            Appended { arrival: index as u64 + 1, known: found.is_some() }
        };
        let appended = envelopes.into_iter().map(&mut append).collect();
        self.newest.send_replace(stored.len() as u64);
        appended
    }

    fn page_now(&self, query: &HistoryQuery) -> HistoryPage {
        let stored = self.stored.lock().unwrap();
        let mut matching = (1..).zip(stored.iter()).filter(|(arrival, envelope)| {
            (query.after + 1..=query.until).contains(arrival)
                && query.dialect.is_none_or(|dialect| dialect == envelope.dialect())
                && query.sent.contains(&envelope.sent().unwrap())
                && query.filter.lets_through(envelope)
        });
        let envelopes: Vec<_> = matching
            .by_ref()
            .take(query.limit)
            .map(|(arrival, envelope)| StoredEnvelope { arrival, envelope: envelope.clone() })
            .collect();
        let more = matching.next().is_some();
        let last = envelopes.last().map_or(query.after, |stored| stored.arrival);
        let newest = query.until.min(stored.len() as u64);
        let end = if more { last } else { newest.max(query.after) };
        HistoryPage { envelopes, end, more, oldest: 1 }
    }
}

impl Archive for MemoryArchive {
    fn id(&self) -> ArchiveId {
        ArchiveId([7; 8])
    }

    fn append(&self, envelopes: Vec<Envelope>) -> ArchiveFuture<'_, Vec<Appended>> {
        Box::pin(async move { Ok(self.append_now(envelopes)) })
    }

    fn page(&self, query: HistoryQuery) -> ArchiveFuture<'_, HistoryPage> {
        Box::pin(async move { Ok(self.page_now(&query)) })
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }
}

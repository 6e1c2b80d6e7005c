//! An archive that is a list, and that is compared with the real ones.

use whisper_protocol::{
    Archive, Bloom, Envelope, HistoryFilter, HistoryPage, HistoryQuery, StoredEnvelope,
};

/// Everything that was appended, in order.
#[derive(Debug, Default)]
pub(crate) struct Model(Vec<Envelope>);

impl Model {
    /// The arrival number of each envelope.
    pub(crate) fn append(&mut self, envelopes: &[Envelope]) -> Vec<(u64, bool)> {
        let one = |envelope: &Envelope| {
            let known = self.0.iter().position(|stored| stored == envelope);
            if known.is_none() {
                self.0.push(envelope.clone());
            }
            (known.map_or(self.0.len(), |index| index + 1) as u64, known.is_some())
        };
        envelopes.iter().map(one).collect()
    }

    pub(crate) fn page(&self, query: &HistoryQuery) -> HistoryPage {
        let newest = self.0.len() as u64;
        let matching = (1..).zip(&self.0).filter(|(arrival, envelope)| {
            *arrival > query.after
                && *arrival <= query.until
                && query.dialect.is_none_or(|dialect| dialect == envelope.dialect())
                && query.sent.contains(&(envelope.expiry() - envelope.ttl()))
                && lets_through(&query.filter, envelope)
        });
        let (mut envelopes, mut bytes, mut more) = (Vec::new(), 0, false);
        for (arrival, envelope) in matching {
            bytes += envelope.raw().len();
            more = envelopes.len() == query.limit
                || (bytes > query.max_bytes && !envelopes.is_empty());
            if more {
                break;
            }
            envelopes.push(StoredEnvelope { arrival, envelope: envelope.clone() });
        }
        let last = envelopes.last().map(|stored| stored.arrival);
        let whole = query.until.min(newest).max(query.after);
        let end = if more { last.unwrap_or(query.after) } else { whole };
        HistoryPage { envelopes, end, more, oldest: 1 }
    }
}

fn lets_through(filter: &HistoryFilter, envelope: &Envelope) -> bool {
    match filter {
        HistoryFilter::All => true,
        HistoryFilter::Topics(topics) => topics.contains(&envelope.topic()),
        HistoryFilter::Bloom(bloom) => bloom.contains(&Bloom::of(envelope.topic())),
        HistoryFilter::Hashes(hashes) => hashes.contains(envelope.hash()),
    }
}

/// Asks both.
pub(crate) async fn compare(archive: &dyn Archive, model: &Model, query: HistoryQuery) {
    let page = archive.page(query.clone()).await.unwrap();
    assert_eq!(page, model.page(&query), "{query:?}");
}

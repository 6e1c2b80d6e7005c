//! Which envelopes a query asks for: `[0]`, `[1, [topic 4..]]`, `[2, bloom 64]` or `[3, [hash 32..]]`.

use p2p_mux::rlp::{BufMut, Encodable, Header, List, encode_list, list_length};
use whisper_envelope::{Bloom, Topic};

use super::{ArchiveMessageError, MAX_VALUES};
use crate::HistoryFilter;

/// The filter as an element of a list.
pub(super) struct Filter<'a>(pub(super) &'a HistoryFilter);

const ALL: u64 = 0;
const TOPICS: u64 = 1;
const BLOOM: u64 = 2;
const HASHES: u64 = 3;

pub(super) fn read(list: &mut List<'_>) -> Result<HistoryFilter, ArchiveMessageError> {
    let mut filter = list.items()?;
    match filter.uint()? {
        ALL => Ok(HistoryFilter::All),
        TOPICS => {
            let topics = filter.list(|list| list.each(|list| list.array().map(Topic)))?;
            counted(topics.len()).map(|()| HistoryFilter::Topics(topics))
        }
        BLOOM => Ok(HistoryFilter::Bloom(Box::new(Bloom(filter.array()?)))),
        HASHES => {
            let hashes = filter.list(|list| list.each(List::array))?;
            counted(hashes.len()).map(|()| HistoryFilter::Hashes(hashes))
        }
        kind => Err(ArchiveMessageError::FilterKind { kind }),
    }
}

fn counted(count: usize) -> Result<(), ArchiveMessageError> {
    match count {
        1..=MAX_VALUES => Ok(()),
        count => Err(ArchiveMessageError::Values { count }),
    }
}

impl Filter<'_> {
    fn with<T>(&self, write: impl FnOnce(&[&dyn Encodable]) -> T) -> T {
        match self.0 {
            HistoryFilter::All => write(&[&ALL]),
            HistoryFilter::Topics(topics) => {
                let topics: Vec<[u8; 4]> = topics.iter().map(|topic| topic.0).collect();
                write(&[&TOPICS, &topics])
            }
            HistoryFilter::Bloom(bloom) => write(&[&BLOOM, &&bloom.0[..]]),
            HistoryFilter::Hashes(hashes) => write(&[&HASHES, hashes]),
        }
    }
}

impl Encodable for Filter<'_> {
    fn encode(&self, out: &mut dyn BufMut) {
        self.with(|items| encode_list(out, items));
    }

    fn length(&self) -> usize {
        self.with(list_length)
    }
}

/// The header of a list with this payload.
pub(super) const fn header(payload_length: usize) -> Header {
    Header { list: true, payload_length }
}

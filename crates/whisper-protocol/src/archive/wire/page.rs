//! A part of an answer.

use bytes::Bytes;
use p2p_mux::rlp::{BufMut, Encodable, List, Raw, encode_list, list_length};
use whisper_envelope::Envelope;

use super::{ArchiveMessageError, MAX_ENVELOPES, filter::header, list, query::dialect};
use crate::StoredEnvelope;

/// Code 2: a part of an answer, `[id, [[arrival, version, envelope]..], end, oldest, newest, state]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivePage {
    /// The query.
    pub id: u64,
    /// The envelopes, in the order of their arrival.
    pub envelopes: Vec<StoredEnvelope>,
    /// The answer has everything that was asked for, up to this arrival number.
    pub end: u64,
    /// The least arrival number that the archive still has. What arrived before was removed.
    pub oldest: u64,
    /// The newest arrival number of the archive.
    pub newest: u64,
    /// What follows.
    pub state: PageState,
}

/// What follows a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageState {
    /// More that is stored already.
    More,
    /// What arrives later: everything that was stored is sent.
    Tail,
    /// Nothing: the query has ended.
    Last,
}

impl PageState {
    const fn number(self) -> u64 {
        match self {
            Self::More => 0,
            Self::Tail => 1,
            Self::Last => 2,
        }
    }
}

impl ArchivePage {
    pub(super) fn read(list: &mut List<'_>) -> Result<Self, ArchiveMessageError> {
        let id = list.uint()?;
        let envelopes = list.list(envelopes)?;
        let end = list.uint()?;
        let ascending = envelopes.windows(2).all(|pair| pair[0].arrival < pair[1].arrival);
        if !ascending || envelopes.last().is_some_and(|last| last.arrival > end) {
            return Err(ArchiveMessageError::Order);
        }
        let (oldest, newest) = (list.uint()?, list.uint()?);
        let state = match list.uint()? {
            0 => PageState::More,
            1 => PageState::Tail,
            2 => PageState::Last,
            state => return Err(ArchiveMessageError::State { state }),
        };
        Ok(Self { id, envelopes, end, oldest, newest, state })
    }

    pub(super) fn encode(&self) -> Bytes {
        let envelopes = Envelopes(&self.envelopes);
        let state = self.state.number();
        list(&[&self.id, &envelopes, &self.end, &self.oldest, &self.newest, &state])
    }
}

fn envelopes(list: &mut List<'_>) -> Result<Vec<StoredEnvelope>, ArchiveMessageError> {
    let mut left = MAX_ENVELOPES;
    list.each(|list| {
        left = left.checked_sub(1).ok_or(ArchiveMessageError::Envelopes)?;
        stored(list)
    })
}

fn stored(list: &mut List<'_>) -> Result<StoredEnvelope, ArchiveMessageError> {
    list.open_list(|list| {
        let (arrival, dialect) = (list.uint()?, dialect(list.uint()?)?);
        // A copy: the envelope outlives the page.
        let raw = Bytes::copy_from_slice(list.raw()?);
        Ok(StoredEnvelope { arrival, envelope: Envelope::decode(dialect, raw)? })
    })
}

struct Envelopes<'a>(&'a [StoredEnvelope]);

struct Stored<'a>(&'a StoredEnvelope);

impl Envelopes<'_> {
    fn payload(&self) -> usize {
        self.0.iter().map(|stored| Stored(stored).length()).sum()
    }
}

impl Encodable for Envelopes<'_> {
    fn encode(&self, out: &mut dyn BufMut) {
        header(self.payload()).encode(out);
        self.0.iter().for_each(|stored| Stored(stored).encode(out));
    }

    fn length(&self) -> usize {
        header(self.payload()).length_with_payload()
    }
}

impl Stored<'_> {
    fn with<T>(&self, write: impl FnOnce(&[&dyn Encodable]) -> T) -> T {
        let StoredEnvelope { arrival, envelope } = self.0;
        write(&[arrival, &envelope.dialect().version(), &Raw(envelope.raw())])
    }
}

impl Encodable for Stored<'_> {
    fn encode(&self, out: &mut dyn BufMut) {
        self.with(|items| encode_list(out, items));
    }

    fn length(&self) -> usize {
        self.with(list_length)
    }
}

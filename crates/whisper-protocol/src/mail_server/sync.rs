//! Another mail server copies from this one, in the words of status-go.

use bytes::Bytes;

use crate::wire::packet::{Cursor, Query, SyncRequest, SyncResponse};

/// What a request asks for, as a query of a client.
pub(super) fn query(request: &SyncRequest) -> Query {
    Query {
        from: request.lower,
        to: request.upper,
        bloom: Some(request.bloom),
        topics: Vec::new(),
        limit: request.limit,
        cursor: request.cursor.clone(),
        batch: true,
    }
}

/// The last part of an answer: a cursor if there is more, or the reason why there is no answer.
pub(super) fn end(outcome: Result<Option<Cursor>, &str>) -> SyncResponse {
    let cursor = outcome.ok().flatten().map_or_else(Bytes::new, |cursor| cursor.to_vec().into());
    SyncResponse::new(&[], cursor, true, outcome.err().unwrap_or_default())
}

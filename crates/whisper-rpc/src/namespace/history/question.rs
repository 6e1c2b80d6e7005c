//! Converts criteria into a question to archives.

use whisper_protocol::{
    Bloom, FilterKey, FilterSpec, HistoryCursor, HistoryFilter, HistoryRequest, KeyId,
    StoredMessages, SymmetricKey, Whisper,
};

use crate::call::dispatch::Caller;
use crate::call::error::CallError;
use crate::namespace::node_name::node_id;
use crate::types::history::HistoryCriteria;

/// Maximum number of archives that are read at once.
pub(super) const MAX_NODES: usize = 8;

/// The question, not live.
pub(super) fn question(
    caller: &Caller,
    criteria: &HistoryCriteria,
) -> Result<HistoryRequest, CallError> {
    let whisper = &caller.team().whisper;
    let cursor = match criteria.cursor.strip_prefix("name:") {
        Some(name) => caller.team().objects.cursors.get(name)?,
        None => parse_cursor(&criteria.cursor)?,
    };
    let messages = messages(caller, criteria)?;
    let filter = match (filter(criteria)?, &messages) {
        (Some(_), Some(_)) if !criteria.filter.is_empty() => return Err(CallError::HistoryChoice),
        (Some(filter), _) => filter,
        (None, Some(messages)) => messages.filter(),
        (None, None) => HistoryFilter::All,
    };
    if messages.is_none() {
        caller.use_topics(match &filter {
            HistoryFilter::Topics(topics) => topics.iter().copied().map(Into::into).collect(),
            _ => Vec::new(),
        })?;
    }
    let dialect = messages.as_ref().and_then(StoredMessages::dialect);
    let to = if criteria.to == 0 { u32::MAX } else { criteria.to };
    if criteria.from > to {
        return Err(CallError::MailRange { from: criteria.from, to });
    }
    if criteria.nodes.len() > MAX_NODES {
        let count = criteria.nodes.len();
        return Err(CallError::HistoryNodes { count, limit: MAX_NODES });
    }
    let nodes = criteria.nodes.iter().map(|node| node_id(node)).collect::<Result<Vec<_>, _>>();
    Ok(HistoryRequest {
        dialect,
        sent: criteria.from..=to,
        nodes: nodes.map_err(CallError::NodeId)?,
        messages,
        password: password(whisper, &criteria.archive_key_id)?,
        label: caller.team().cursor_label(),
        ..HistoryRequest::new(filter, cursor)
    })
}

/// A cursor as it was given out.
pub(super) fn parse_cursor(text: &str) -> Result<HistoryCursor, CallError> {
    Ok(text.trim_start_matches("0x").parse()?)
}

/// What is asked for by topics, a bloom or hashes; `None` if none is given.
fn filter(criteria: &HistoryCriteria) -> Result<Option<HistoryFilter>, CallError> {
    let HistoryCriteria { topics, bloom, hashes, .. } = criteria;
    match (topics.is_empty(), bloom.is_empty(), hashes.is_empty()) {
        (true, true, true) => Ok(None),
        (false, true, true) => Ok(Some(HistoryFilter::Topics(topics.clone()))),
        (true, false, true) => {
            let size = bloom.as_slice().len();
            let bloom = bloom.array().ok_or(CallError::BloomSize { size })?;
            Ok(Some(HistoryFilter::Bloom(Box::new(Bloom(bloom)))))
        }
        (true, true, false) => {
            let hashes = hashes.iter().map(|hash| {
                hash.array().ok_or_else(|| CallError::HashSize { size: hash.as_slice().len() })
            });
            Ok(Some(HistoryFilter::Hashes(hashes.collect::<Result<_, _>>()?)))
        }
        _ => Err(CallError::HistoryChoice),
    }
}

/// What opens the envelopes; `None` if neither a filter nor a key is given.
fn messages(
    caller: &Caller,
    criteria: &HistoryCriteria,
) -> Result<Option<StoredMessages>, CallError> {
    let (team, whisper) = (caller.team(), &caller.team().whisper);
    let HistoryCriteria { filter, sym_key_id, private_key_id, .. } = criteria;
    let has_key = !sym_key_id.is_empty() || !private_key_id.is_empty();
    if !filter.is_empty() {
        if has_key {
            return Err(CallError::KeyChoice);
        }
        let id = filter.parse().map_err(|_| CallError::NoSuchFilter)?;
        caller.use_topics(team.filter_topics(&id).ok_or(CallError::NoSuchFilter)?)?;
        return whisper.stored_messages_of(&id).map(Some).ok_or(CallError::NoSuchFilter);
    }
    let keys = whisper.keys();
    let known = |id: &str, is_known: &dyn Fn(&KeyId) -> bool| id.parse().ok().filter(is_known);
    let key = match (sym_key_id.as_str(), private_key_id.as_str()) {
        ("", "") => return Ok(None),
        (id, "") => known(id, &|id| keys.has_symmetric(id))
            .map(FilterKey::Symmetric)
            .ok_or(CallError::NoSuchSymmetricKey)?,
        ("", id) => known(id, &|id| keys.has_key_pair(id))
            .map(FilterKey::Private)
            .ok_or_else(|| CallError::no_key_pair(id))?,
        _ => return Err(CallError::KeyChoice),
    };
    let topics: Vec<_> = criteria.topics.iter().copied().map(Into::into).collect();
    caller.use_topics(topics.clone())?;
    let spec = FilterSpec { topics, owner: caller.client, ..FilterSpec::new(key) };
    Ok(Some(whisper.stored_messages(spec)?))
}

/// The key of a password, by its id; `None` without an id.
pub(super) fn password(whisper: &Whisper, id: &str) -> Result<Option<SymmetricKey>, CallError> {
    if id.is_empty() {
        return Ok(None);
    }
    let key = id.parse().ok().and_then(|id| whisper.keys().symmetric(&id));
    key.map(Some).ok_or(CallError::NoSuchSymmetricKey)
}

//! The namespace `history`: archives of this node and of its peers.

mod arguments;
pub(crate) mod mail;
mod part;
mod question;

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use p2p_identity::NodeId;
use p2p_world::World;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use whisper_protocol::{History, HistoryError, HistoryEvent, ParseCursorError};

use crate::call::dispatch::Caller;
use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::declare::signature::SubscriptionNames;
use crate::namespace::node_name::node_id;
use crate::team::objects::CursorError;
use crate::types::history::{HistoryCriteria, HistoryPartJson};
use question::{MAX_NODES, parse_cursor, question};

/// What the methods work on.
#[derive(Clone)]
pub(crate) struct HistoryContext {
    /// Cancelled when the servers stop.
    pub(crate) stop: CancellationToken,
    pub(crate) world: Arc<dyn World>,
}

/// The only subscription of this namespace.
const MESSAGES: SubscriptionNames = SubscriptionNames {
    subscribe: "history_subscribe",
    notification: "history_subscription",
    unsubscribe: "history_unsubscribe",
    what: "messages",
};

/// Maximum time of a query. What was read until then is the answer.
const MAX_TIME: Duration = Duration::from_secs(30);

/// Number of envelopes of a query without a limit.
const DEFAULT_LIMIT: u32 = 100;

/// Maximum number of envelopes of a query.
const MAX_LIMIT: u32 = 1000;

/// Bytes of envelopes after which an answer or a notification ends. A single envelope may be larger.
const MAX_BYTES: usize = 1 << 20;

/// Maximum number of envelopes of a notification.
const MAX_NOTIFIED: usize = 100;

/// The methods of `history`.
pub(crate) fn api() -> Api<HistoryContext> {
    let mut api = Api::new();
    api.task_by("history_query", ["criteria"], |context: Arc<HistoryContext>, caller, (criteria,): (HistoryCriteria,)| {
        let (opened, caller) = (open(caller, &criteria, false), caller.clone());
        async move {
            let ((history, limit), team) = (opened?, caller.team());
            team.meter.begin_reading(&team.quotas()).await?;
            let query = context.stop.run_until_cancelled(query(history, limit)).await;
            let part = query.ok_or(CallError::Stopping)?;
            team.meter.count_read(&team.quotas(), part.len());
            Ok(part)
        }
    })
    .about(
        "Returns what archives have, in the order of arrival, with a cursor to go on. It waits for archives that are not \
         connected for 10 seconds, and ends after 30 seconds.",
    )
    .fails(errors());
    api.subscription(MESSAGES, ["criteria"], |_, caller, (criteria,): (HistoryCriteria,)| {
        let (history, _) = open(caller, &criteria, true)?;
        Ok(stream::unfold((history, caller.clone()), |(mut history, caller)| async {
            let team = caller.team();
            team.meter.wait_to_read(&team.quotas()).await;
            let part = next_part(&mut history).await?;
            team.meter.count_read(&team.quotas(), part.len());
            Some((part, (history, caller)))
        }))
    })
    .about(
        "Subscribes to what archives have and then to what arrives, from a cursor; returns the id of the subscription. Each \
         notification has the cursor after it, with which a later subscription goes on.",
    )
    .fails(errors());
    declare_cursors(&mut api);
    api
}

/// Cursors that the node remembers.
fn declare_cursors(api: &mut Api<HistoryContext>) {
    api.task_by("history_ack", ["name", "cursor"], |_, caller, (name, cursor): (String, String)| {
        let caller = caller.clone();
        async move {
            let (team, cursor) = (caller.team(), parse_cursor(&cursor)?);
            team.objects.cursors.set(&team.whisper, &name, &cursor).await?;
            Ok(true)
        }
    })
    .about(
        "Everything before this cursor is processed: `history_subscribe` and `history_query` with the cursor `name:` and this name go on there, also \
         after a restart of the node, if it keeps its state. An empty cursor forgets the name.",
    )
    .fails([
        CallError::Cursor(ParseCursorError),
        CursorError::Name.into(),
        CursorError::Many.into(),
        CursorError::Large.into(),
        CallError::not_kept(),
    ]);
    api.call_by("history_cursors", [], |_, caller, ()| Ok(caller.team().objects.cursors.names()))
        .about("Returns the names of the cursors that the node remembers.");
}

/// Examples of the errors about criteria.
fn errors() -> Vec<CallError> {
    let mut errors = vec![
        CallError::KeyChoice,
        CallError::NoSuchSymmetricKey,
        CallError::no_key_pair("nonsense"),
        CallError::NoSuchFilter,
        CallError::HistoryChoice,
        CallError::BloomSize { size: 63 },
        CallError::HashSize { size: 31 },
        CallError::Cursor(ParseCursorError),
        CursorError::Name.into(),
        CallError::History(HistoryError::OtherQuestion),
        CallError::History(HistoryError::Values { count: 5000 }),
        CallError::MailRange { from: 2, to: 1 },
        CallError::HistoryNodes { count: MAX_NODES + 1, limit: MAX_NODES },
        CallError::HistoryLimit { limit: MAX_LIMIT + 1, most: MAX_LIMIT },
    ];
    errors.extend(node_id("nonsense").err().map(CallError::NodeId));
    errors
}

/// Opens a history. Returns it with the maximum number of envelopes of a query.
fn open(
    caller: &Caller,
    criteria: &HistoryCriteria,
    live: bool,
) -> Result<(History, usize), CallError> {
    let limit = match criteria.limit {
        0 => DEFAULT_LIMIT,
        limit @ 1..=MAX_LIMIT => limit,
        limit => return Err(CallError::HistoryLimit { limit, most: MAX_LIMIT }),
    };
    let mut request = question(caller, criteria)?;
    request.live = live;
    let history = caller.team().whisper.history(request)?;
    Ok((history, usize::try_from(limit).unwrap_or(usize::MAX)))
}

/// Reads until the limit, the end or the maximum time.
async fn query(mut history: History, limit: usize) -> HistoryPartJson {
    let deadline = Instant::now() + MAX_TIME;
    let (mut part, mut bytes) = (HistoryPartJson::default(), 0);
    loop {
        let left = limit.saturating_sub(part.len());
        if left == 0 || bytes >= MAX_BYTES {
            break;
        }
        match timeout_at(deadline, history.next_at_most(left)).await {
            Ok(Some(event)) => bytes += part.add(event),
            Ok(None) | Err(_) => break,
        }
    }
    HistoryPartJson { cursor: history.cursor().to_string(), ..part }
}

/// The next notification. Envelopes that are there already are in one; a notice follows at once.
async fn next_part(history: &mut History) -> Option<HistoryPartJson> {
    let mut part = HistoryPartJson::default();
    let event = history.next_at_most(MAX_NOTIFIED).await?;
    part.add(event);
    part.cursor = history.cursor().to_string();
    Some(part)
}

/// The id of a node in an answer.
fn is_node(event: &HistoryEvent) -> Option<NodeId> {
    match event {
        HistoryEvent::Away { node }
        | HistoryEvent::Behind { node, .. }
        | HistoryEvent::Replaced { node, .. }
        | HistoryEvent::Removed { node, .. }
        | HistoryEvent::Refused { node, .. } => Some(*node),
        _ => None,
    }
}

//! Requests to mail servers, in status-go's form: `shh_requestMessages` asks until nothing is left, `shh_requestMessagesSync`
//! for one answer. Both are in the namespace `shhext`, too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use p2p_identity::NodeId;
use tokio::time::{Instant, timeout, timeout_at};
use whisper_protocol::packet::{Cursor, Query};
use whisper_protocol::{
    Bloom, DirectError, MailAnswer, MailAsk, MailAskError, MailSeal, ParseCursorError, Topic,
    Whisper,
};

use super::HistoryContext;
use super::question::password;
use crate::call::error::CallError;
use crate::declare::api::Api;
use crate::namespace::node_name::node_id;
use crate::types::hex::HexBytes;
use crate::types::history::{MessagesRequest, MessagesResponse, RetryConfig};

/// Seconds before `to` from which on messages are asked for, if no beginning is given, as in status-go.
const DAY: u32 = 24 * 3600;

/// Maximum time to wait for anything from the server, in seconds.
const MAX_TIMEOUT: u32 = 600;

/// The shortest time to wait for anything from the server.
const MIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum number of further attempts of a call for one answer.
const MAX_RETRIES: u32 = 100;

/// Maximum time of a call. A server that sends a little again and again would not let it end.
const MAX_TIME: Duration = Duration::from_secs(1200);

/// Maximum number of answers of one call.
const MAX_ANSWERS: usize = 1000;

/// Declares the method under this name. `context` gets what it works on.
pub(crate) fn declare<C: Send + Sync + 'static>(
    api: &mut Api<C>,
    name: &'static str,
    context: fn(&C) -> HistoryContext,
) {
    api.task_by(name, ["request"], move |shared: Arc<C>, caller, (wanted,): (MessagesRequest,)| {
        let (context, whisper) = (context(&shared), caller.team().whisper.clone());
        async move {
            let stop = context.stop.clone();
            let request = request(&context, &whisper, wanted);
            stop.run_until_cancelled(request).await.ok_or(CallError::Stopping)?
        }
    })
    .about(
        "Requests old messages from a peer that is a mail server of go-ethereum, status-go or this project, and returns the \
         id of the request when the server has answered. The messages go to the filters with allowP2P.",
    )
    .fails(asking_errors())
    .fails([
        CallError::MailRepeats { received: 1000 },
        CallError::MailUnfinished { cursor: String::new() },
    ]);
}

/// Examples of the errors of a request, whatever is done with the answer.
fn asking_errors() -> impl Iterator<Item = CallError> {
    let peer = node_id("nonsense").err().map(CallError::MailServerPeer);
    peer.into_iter().chain([
        CallError::NoSuchSymmetricKey,
        CallError::MailRange { from: 2, to: 1 },
        CallError::Cursor(ParseCursorError),
        CallError::MailServer(MailAskError::Unsent(DirectError::NoSuchPeer(NodeId([0; 64])))),
        CallError::MailServer(MailAskError::Unanswered(Duration::from_secs(10))),
    ])
}

/// Declares the method that returns where to go on, under this name. `context` gets what it works on.
pub(crate) fn declare_one<C: Send + Sync + 'static>(
    api: &mut Api<C>,
    name: &'static str,
    context: fn(&C) -> HistoryContext,
) {
    type Arguments = (RetryConfig, MessagesRequest);
    let names = ["retries", "request"];
    api.task_by(name, names, move |shared: Arc<C>, caller, (retries, wanted): Arguments| {
        let (context, whisper) = (context(&shared), caller.team().whisper.clone());
        async move {
            let stop = context.stop.clone();
            let answer = one_answer(&context, &whisper, retries, wanted);
            stop.run_until_cancelled(answer).await.ok_or(CallError::Stopping)?
        }
    })
    .about(
        "Requests one answer of old messages from a peer that is a mail server, and returns the cursor to go on with. The \
         messages go to the filters with allowP2P. A server that does not answer is asked again.",
    )
    .fails(asking_errors());
}

impl RetryConfig {
    /// The time to wait at this attempt; the first one is 0. `None`: the time of the request.
    fn timeout(&self, attempt: u32) -> Option<Duration> {
        let steps = self.step_timeout.saturating_mul(attempt.into());
        let timeout = Duration::from_nanos(self.base_timeout.saturating_add(steps));
        let is_given = !timeout.is_zero();
        is_given.then(|| timeout.clamp(MIN_TIMEOUT, Duration::from_secs(MAX_TIMEOUT.into())))
    }
}

/// Asks for one answer, again if there is none.
async fn one_answer(
    context: &HistoryContext,
    whisper: &Whisper,
    retries: RetryConfig,
    wanted: MessagesRequest,
) -> Result<MessagesResponse, CallError> {
    let peer = node_id(&wanted.mail_server_peer).map_err(CallError::MailServerPeer)?;
    let ask = ask(context, whisper, &wanted)?;
    let last = retries.max_retries.min(MAX_RETRIES);
    let asking = async {
        let mut attempt = 0;
        loop {
            let timeout = retries.timeout(attempt).unwrap_or(ask.timeout);
            match whisper.request_messages(peer, MailAsk { timeout, ..ask.clone() }).await {
                Err(MailAskError::Unanswered(_) | MailAskError::Stalled { .. })
                    if attempt < last =>
                {
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    };
    let answer = timeout(MAX_TIME, asking).await;
    let answer = answer.unwrap_or(Err(MailAskError::Unanswered(MAX_TIME)));
    let cursor = answer.map_err(CallError::MailServer)?.cursor.map(hex::encode);
    Ok(MessagesResponse { cursor: cursor.unwrap_or_default(), error: None })
}

/// The answers of a server, page by page.
#[derive(Default)]
struct Pages {
    /// The id of the first request.
    first: Option<[u8; 32]>,
    /// Number of envelopes.
    received: u64,
    /// The cursors and the last envelopes of the pages.
    cursors: BTreeSet<Cursor>,
    last: BTreeSet<[u8; 32]>,
}

impl Pages {
    /// Adds a page. Fails if it was there before: the server has ignored the cursor.
    fn add(&mut self, answer: &MailAnswer) -> Result<(), CallError> {
        let is_repeated = answer.cursor.is_some_and(|cursor| !self.cursors.insert(cursor))
            || answer.last.is_some_and(|last| !self.last.insert(last));
        if is_repeated {
            return Err(CallError::MailRepeats { received: self.received });
        }
        self.first.get_or_insert(answer.id);
        self.received += answer.received;
        Ok(())
    }
}

/// Asks until the answer is complete, or once if there is a limit. Returns the id of the first request.
async fn request(
    context: &HistoryContext,
    whisper: &Whisper,
    wanted: MessagesRequest,
) -> Result<HexBytes, CallError> {
    let peer = node_id(&wanted.mail_server_peer).map_err(CallError::MailServerPeer)?;
    let mut ask = ask(context, whisper, &wanted)?;
    let (mut pages, deadline) = (Pages::default(), Instant::now() + MAX_TIME);
    for _ in 0..MAX_ANSWERS {
        let answer = whisper.request_messages(peer, ask.clone());
        let Ok(answer) = timeout_at(deadline, answer).await else { break };
        let answer = answer.map_err(CallError::MailServer)?;
        pages.add(&answer)?;
        match answer.cursor {
            Some(cursor) if wanted.limit == 0 => ask.query.cursor = cursor.to_vec().into(),
            _ => return Ok(pages.first.unwrap_or_default().into()),
        }
    }
    Err(CallError::MailUnfinished { cursor: hex::encode(&ask.query.cursor) })
}

fn ask(
    context: &HistoryContext,
    whisper: &Whisper,
    wanted: &MessagesRequest,
) -> Result<MailAsk, CallError> {
    let now = unix_time(context);
    let to = if wanted.to == 0 { now } else { wanted.to };
    let from = if wanted.from == 0 { to.saturating_sub(DAY) } else { wanted.from };
    if from > to {
        return Err(CallError::MailRange { from, to });
    }
    let one = (wanted.topic != Topic([0; 4])).then_some(wanted.topic);
    let topics: Vec<Topic> = one.into_iter().chain(wanted.topics.iter().copied()).collect();
    let bloom = topics.iter().copied().map(Bloom::of).reduce(Bloom::union).unwrap_or(Bloom::FULL);
    let query = Query {
        from,
        to,
        bloom: Some(bloom),
        topics,
        limit: wanted.limit,
        cursor: cursor(&wanted.cursor)?.map(|cursor| cursor.to_vec().into()).unwrap_or_default(),
        batch: true,
    };
    let seal = match password(whisper, &wanted.sym_key_id)? {
        Some(key) => MailSeal::Password(key),
        None => MailSeal::Open,
    };
    let ask = MailAsk::new(query, seal);
    Ok(match wanted.timeout {
        0 => ask,
        seconds => MailAsk { timeout: Duration::from_secs(seconds.min(MAX_TIMEOUT).into()), ..ask },
    })
}

/// The cursor of an answer; `None` at the beginning.
fn cursor(text: &str) -> Result<Option<Cursor>, CallError> {
    if text.is_empty() {
        return Ok(None);
    }
    let bytes = hex::decode(text.trim_start_matches("0x")).ok();
    let cursor = bytes.and_then(|bytes| bytes.try_into().ok());
    cursor.map(Some).ok_or(CallError::Cursor(ParseCursorError))
}

/// The present, in seconds since 1970.
fn unix_time(context: &HistoryContext) -> u32 {
    let since_1970 = context.world.unix_time().duration_since(std::time::UNIX_EPOCH);
    since_1970.map_or(0, |time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(cursor: Option<u8>, last: Option<u8>) -> MailAnswer {
        let (cursor, last) = (cursor.map(|byte| [byte; 36]), last.map(|byte| [byte; 32]));
        MailAnswer { id: [7; 32], received: 10, last, cursor, is_confirmed: true }
    }

    #[test]
    fn each_attempt_waits_longer_within_limits() {
        let timeout = |base, step, attempt| {
            RetryConfig { base_timeout: base, step_timeout: step, max_retries: 0 }.timeout(attempt)
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(timeout(0, 0, 3), None);
        assert_eq!(timeout(10_000_000_000, 1_000_000_000, 0), seconds(10));
        assert_eq!(timeout(10_000_000_000, 1_000_000_000, 3), seconds(13));
        assert_eq!([timeout(1, 0, 0), timeout(1, u64::MAX, 100)], [seconds(1), seconds(600)]);
    }

    #[test]
    fn a_page_that_was_there_before_is_noticed() {
        let repeats = |answers: &[MailAnswer]| {
            let mut pages = Pages::default();
            answers.iter().find_map(|answer| pages.add(answer).err()).map(|error| error.to_string())
        };
        let first = answer(Some(1), Some(1));
        assert_eq!(repeats(&[first, answer(Some(2), Some(2)), answer(None, Some(3))]), None);
        assert_eq!(repeats(&[answer(Some(1), None), answer(Some(2), None)]), None);
        for again in [first, answer(Some(1), None), answer(Some(2), Some(1)), answer(None, Some(1))]
        {
            let error = repeats(&[first, again]).unwrap();
            assert!(error.contains("ignores cursors") && error.contains("10 envelopes"), "{error}");
        }
    }
}

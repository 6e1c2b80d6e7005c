//! The WebSocket of the page.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, Request};
use http_body_util::Full;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use whisper_rpc::types::{ExplanationJson, TraceJson};
use whisper_rpc::{RpcView, TeamView, accepted_sub_protocol};

use super::feed::{Feed, INTERVAL};
use super::snapshot::{Snapshot, explain};
use super::team::{self, TeamSnapshot};
use super::{Answer, Dashboard};

/// Maximum time to send a snapshot. A page that does not read is closed.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum size of a question, in bytes.
const MAX_QUESTION: usize = 256;

/// Minimum time between two answers: an answer tries filters.
const ANSWER_INTERVAL: Duration = Duration::from_millis(100);

/// Maximum time to wait for other nodes. The page gets no snapshots meanwhile.
const TRACE_TIME: Duration = Duration::from_secs(2);

/// What the page asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Question {
    /// What happened here to the envelope with this hash, in hexadecimal.
    Explain(String),
    /// What happened to it at the nodes that consent.
    Trace(String),
}

/// What the page is sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum News {
    Snapshot(Box<Snapshot>),
    Team(Box<TeamSnapshot>),
    Explanation(Box<ExplanationJson>),
    Trace(Box<TraceJson>),
    /// Why a question has no answer.
    Refused(String),
}

/// The answer to a handshake, and the connection after it; `None` if it is no handshake.
pub(super) fn accept<B>(request: &mut Request<B>) -> Option<(Answer, OnUpgrade)> {
    let mut answer = create_response_with_body(request, Full::<Bytes>::default).ok()?;
    if let Some(accepted) = accepted_sub_protocol(request.headers()) {
        answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, accepted);
    }
    Some((answer, hyper::upgrade::on(request)))
}

/// What a page is shown.
enum Shown {
    /// The whole node.
    Node(watch::Receiver<Utf8Bytes>),
    /// One team.
    Team(TeamView, Interval),
}

impl Shown {
    fn new(view: RpcView, feed: &Feed) -> Self {
        match view {
            RpcView::Node => Self::Node(feed.subscribe()),
            RpcView::Team(team) => {
                let mut ticks = interval(INTERVAL);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                Self::Team(team, ticks)
            }
        }
    }

    /// The next snapshot, as JSON; `None` at the end. Dropping the future loses nothing.
    async fn next(&mut self, dashboard: &Dashboard) -> Option<Utf8Bytes> {
        match self {
            Self::Node(snapshots) => {
                snapshots.changed().await.ok()?;
                Some(snapshots.borrow_and_update().clone())
            }
            Self::Team(team, ticks) => {
                ticks.tick().await;
                json(&News::Team(Box::new(TeamSnapshot::of(team, &dashboard.sources))))
            }
        }
    }

    /// The team that is shown; `None`: the whole node.
    const fn team(&self) -> Option<&TeamView> {
        match self {
            Self::Node(_) => None,
            Self::Team(team, _) => Some(team),
        }
    }

    /// Whether the page may still see it.
    fn is_permitted(&self, dashboard: &Dashboard, headers: &HeaderMap) -> bool {
        match self {
            Self::Node(_) => dashboard.sources.rpc.may_see_all(headers),
            Self::Team(team, _) => team.is_valid(),
        }
    }
}

/// Sends snapshots and answers until the page is closed, or may no longer see what it shows. `headers`: those of the handshake.
pub(super) async fn serve(
    dashboard: &Dashboard,
    upgraded: Upgraded,
    headers: &HeaderMap,
    view: RpcView,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(Some(MAX_QUESTION))
        .max_frame_size(Some(MAX_QUESTION));
    let io = TokioIo::new(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let mut shown = Shown::new(view, &dashboard.feed);
    loop {
        let news = tokio::select! {
            snapshot = shown.next(dashboard) => snapshot,
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => json(&answer(dashboard, &shown, &text).await),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        let Some(news) = news else { return };
        if !shown.is_permitted(dashboard, headers) || send(&mut socket, news).await.is_err() {
            return;
        }
    }
}

/// The text of an answer.
fn json(answer: &News) -> Option<Utf8Bytes> {
    match serde_json::to_string(answer) {
        Ok(json) => Some(json.into()),
        Err(error) => {
            tracing::error!(%error, "an answer for the dashboard cannot be written as JSON");
            None
        }
    }
}

async fn send<Io: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<Io>,
    json: Utf8Bytes,
) -> Result<(), Error> {
    match timeout(SEND_TIMEOUT, socket.send(Message::Text(json))).await {
        Ok(sent) => sent,
        Err(_) => {
            tracing::debug!("a dashboard does not read: it is closed");
            Err(Error::ConnectionClosed)
        }
    }
}

/// Answers a question. Questions of one page are answered one after another.
async fn answer(dashboard: &Dashboard, shown: &Shown, text: &str) -> News {
    let asked = serde_json::from_str(text).map_err(|error| error.to_string());
    let answer = async {
        match asked {
            Ok(Question::Explain(digits)) => match hash(&digits) {
                Ok(hash) => explanation(dashboard, shown, hash).await,
                Err(why) => News::Refused(why),
            },
            Ok(Question::Trace(digits)) => match hash(&digits) {
                Ok(hash) => trace(dashboard, shown, hash).await,
                Err(why) => News::Refused(why),
            },
            Err(why) => News::Refused(why),
        }
    };
    tokio::join!(answer, tokio::time::sleep(ANSWER_INTERVAL)).0
}

/// What happened here to an envelope.
async fn explanation(dashboard: &Dashboard, shown: &Shown, hash: [u8; 32]) -> News {
    let whisper = dashboard.sources.whisper.clone();
    let team = shown.team().cloned();
    // It tries filters, which takes time.
    let explained = tokio::task::spawn_blocking(move || match team {
        Some(team) => team::explain(&team, &hash),
        None => Some(explain(&whisper, &hash)),
    });
    match explained.await {
        Ok(Some(explanation)) => News::Explanation(Box::new(explanation)),
        Ok(None) => News::Refused("the token is no longer valid".to_owned()),
        Err(_) => News::Refused("the node stops, or the explanation failed".to_owned()),
    }
}

/// What happened to an envelope at the nodes that consent. For a team, an envelope that is not its own is like one that is
/// unknown.
async fn trace(dashboard: &Dashboard, shown: &Shown, hash: [u8; 32]) -> News {
    if shown.team().is_some_and(|team| !team.may_trace(&hash)) {
        let unknown = TraceJson { hash: hash.into(), complete: true, nodes: Vec::new() };
        return News::Trace(Box::new(unknown));
    }
    match dashboard.sources.whisper.trace(hash, TRACE_TIME).await {
        Ok(trace) => News::Trace(Box::new(trace.into())),
        Err(off) => News::Refused(off.to_string()),
    }
}

/// The hash that is asked for.
fn hash(digits: &str) -> Result<[u8; 32], String> {
    let digits = digits.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let mut hash = [0; 32];
    hex::decode_to_slice(digits, &mut hash)
        .map_err(|_| "the hash of an envelope has 64 hexadecimal digits".to_owned())?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_page_that_does_not_read_is_closed() {
        let (near, mut far) = tokio::io::duplex(1000);
        let mut socket = WebSocketStream::from_raw_socket(near, Role::Server, None).await;
        let start = tokio::time::Instant::now();
        let mut sent = 0;
        while send(&mut socket, "x".repeat(400).into()).await.is_ok() {
            sent += 1;
            assert!(sent < 10, "the other end does not read");
        }
        assert_eq!(start.elapsed(), SEND_TIMEOUT);
        // One that reads is sent more.
        let (near, mut reading) = tokio::io::duplex(1000);
        let mut socket = WebSocketStream::from_raw_socket(near, Role::Server, None).await;
        let read = async { tokio::io::copy(&mut reading, &mut tokio::io::sink()).await };
        let write = async {
            for _ in 0..100 {
                send(&mut socket, "x".repeat(400).into()).await.unwrap();
            }
            drop(socket);
        };
        let (read, ()) = tokio::join!(read, write);
        assert!(read.unwrap() > 40_000);
        tokio::io::AsyncWriteExt::shutdown(&mut far).await.unwrap();
    }

    #[test]
    fn a_question_is_a_hash() {
        let digits = "07".repeat(32);
        for text in [format!("0x{digits}"), format!(" {digits} ")] {
            assert_eq!(hash(&text), Ok([7; 32]));
        }
        assert!(hash("0x07").unwrap_err().contains("64 hexadecimal digits"));
        for right in ["{\"explain\":\"x\"}", "{\"trace\":\"x\"}"] {
            assert!(serde_json::from_str::<Question>(right).is_ok(), "{right}");
        }
        for wrong in ["", "[]", "{}", "{\"explain\":1}", "{\"explain\":\"\",\"trace\":\"\"}"] {
            assert!(serde_json::from_str::<Question>(wrong).is_err(), "{wrong}");
        }
    }
}

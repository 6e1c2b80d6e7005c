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
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use whisper_rpc::types::ExplanationJson;

use super::snapshot::{Snapshot, explain};
use super::{Answer, Dashboard};

/// Time between two snapshots.
const INTERVAL: Duration = Duration::from_secs(1);

/// Maximum time to send a snapshot. A page that does not read is closed.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum size of a question, in bytes.
const MAX_QUESTION: usize = 256;

/// Minimum time between two answers: an answer tries filters.
const ANSWER_INTERVAL: Duration = Duration::from_millis(100);

/// What the page asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    /// The hash of an envelope, in hexadecimal.
    explain: String,
}

/// What the page is sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum News {
    Snapshot(Box<Snapshot>),
    Explanation(Box<ExplanationJson>),
    /// Why a question has no answer.
    Refused(String),
}

/// The answer to a handshake, and the connection after it; `None` if it is no handshake.
pub(super) fn accept<B>(request: &mut Request<B>) -> Option<(Answer, OnUpgrade)> {
    let mut answer = create_response_with_body(request, Full::<Bytes>::default).ok()?;
    // The token, which is shown as a sub-protocol. Browsers close the connection if none is accepted.
    if let Some(asked) = request.headers().get(SEC_WEBSOCKET_PROTOCOL) {
        answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, asked.clone());
    }
    Some((answer, hyper::upgrade::on(request)))
}

/// Sends snapshots and answers until the page is closed, or may no longer see the node. `headers`: those of the handshake.
pub(super) async fn serve(dashboard: &Dashboard, upgraded: Upgraded, headers: &HeaderMap) {
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .max_message_size(Some(MAX_QUESTION))
        .max_frame_size(Some(MAX_QUESTION));
    let io = TokioIo::new(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let news = tokio::select! {
            _ = ticks.tick() => News::Snapshot(Box::new(Snapshot::of(&dashboard.sources))),
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => answer(dashboard, &text).await,
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        if !dashboard.sources.rpc.may_see_all(headers) || send(&mut socket, &news).await.is_err() {
            return;
        }
    }
}

async fn send(socket: &mut WebSocketStream<TokioIo<Upgraded>>, news: &News) -> Result<(), Error> {
    let json = match serde_json::to_string(news) {
        Ok(json) => json,
        Err(error) => {
            tracing::error!(%error, "a snapshot for the dashboard cannot be written as JSON");
            return Err(Error::ConnectionClosed);
        }
    };
    match timeout(SEND_TIMEOUT, socket.send(Message::text(json))).await {
        Ok(sent) => sent,
        Err(_) => {
            tracing::debug!("a dashboard does not read: it is closed");
            Err(Error::ConnectionClosed)
        }
    }
}

/// Answers a question. Questions of one page are answered one after another.
async fn answer(dashboard: &Dashboard, text: &str) -> News {
    let hash = match hash(text) {
        Ok(hash) => hash,
        Err(why) => return News::Refused(why),
    };
    let whisper = dashboard.sources.whisper.clone();
    // It tries filters, which takes time.
    let explained = tokio::task::spawn_blocking(move || explain(&whisper, &hash));
    let (explained, ()) = tokio::join!(explained, tokio::time::sleep(ANSWER_INTERVAL));
    match explained {
        Ok(explanation) => News::Explanation(Box::new(explanation)),
        Err(_) => News::Refused("the node stops, or the explanation failed".to_owned()),
    }
}

/// The hash that is asked for.
fn hash(text: &str) -> Result<[u8; 32], String> {
    let question: Question = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let digits = question.explain.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let mut hash = [0; 32];
    hex::decode_to_slice(digits, &mut hash)
        .map_err(|_| "the hash of an envelope has 64 hexadecimal digits".to_owned())?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_hash() {
        let digits = "07".repeat(32);
        for text in [format!("0x{digits}"), format!(" {digits} ")] {
            assert_eq!(hash(&format!("{{\"explain\":{text:?}}}")), Ok([7; 32]));
        }
        assert!(hash("{\"explain\":\"0x07\"}").unwrap_err().contains("64 hexadecimal digits"));
        for wrong in ["", "[]", "{}", "{\"explain\":1}", "{\"explain\":\"\",\"more\":1}"] {
            assert!(hash(wrong).is_err(), "{wrong}");
        }
    }
}

//! Replays recorded exchanges, one after the other, against two nodes on loopback.
#![allow(unreachable_pub, reason = "a module of one test target")]

mod compare;
mod difference;
mod exchange;

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

pub use difference::{Difference, differences};
pub use exchange::Exchange;

use exchange::Transport;

use crate::support::client::Client;
use crate::support::eventually::eventually;
use crate::support::http::{Request, Response};
use crate::support::ipc::IpcClient;
use crate::support::json::Json;
use crate::support::node::Node;
use crate::support::ws::WsClient;

/// Two nodes, two connections to the first, and saved results of earlier exchanges.
pub struct Replay {
    first: Node,
    second: Node,
    ws: Line<WsClient>,
    ipc: Line<IpcClient>,
    saved: BTreeMap<String, String>,
}

impl Replay {
    pub async fn start() -> Self {
        let (first, second) = (Node::start().await, Node::start().await);
        let ws = Line { client: first.connect().await, early: VecDeque::new() };
        let ipc = Line { client: first.connect_ipc().await, early: VecDeque::new() };
        let saved = BTreeMap::from([("enodeB".to_owned(), second.enode().to_string())]);
        Self { first, second, ws, ipc, saved }
    }

    pub async fn stop(self) {
        self.first.stop().await;
        self.second.stop().await;
    }

    /// Replays one exchange. The answer must be `instead` if given, else the recorded one.
    pub async fn step(&mut self, exchange: &Exchange, instead: Option<&str>) -> Result<(), String> {
        match exchange.transport {
            Transport::Http => self.http_step(exchange, instead).await,
            Transport::Ws => {
                let answer = self.ws.step(exchange, &self.saved).await?;
                self.check(exchange, instead, &answer)
            }
            Transport::Ipc => {
                let answer = self.ipc.step(exchange, &self.saved).await?;
                self.check(exchange, instead, &answer)?;
                if exchange.closes_connection {
                    self.ipc.end().await?;
                    self.ipc.client = self.first.connect_ipc().await;
                }
                Ok(())
            }
        }
    }

    fn check(
        &mut self,
        exchange: &Exchange,
        instead: Option<&str>,
        answer: &str,
    ) -> Result<(), String> {
        compare::check(exchange, instead.unwrap_or(&exchange.response_raw), answer)?;
        self.save(exchange, answer);
        Ok(())
    }

    async fn http_step(
        &mut self,
        exchange: &Exchange,
        instead: Option<&str>,
    ) -> Result<(), String> {
        let response = if exchange.is_eventual() {
            // Peers connect and messages arrive in the background, so it is asked until the answer is right.
            eventually(&exchange.name, async || {
                let response = self.send(exchange).await;
                check_response(exchange, instead, &response).is_ok().then_some(response)
            })
            .await
        } else {
            self.send(exchange).await
        };
        check_response(exchange, instead, &response)?;
        self.save(exchange, &response.body);
        Ok(())
    }

    async fn send(&self, exchange: &Exchange) -> Response {
        let node = if exchange.at.is_some() { &self.second } else { &self.first };
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        if let Some(given) = &exchange.http.request_headers {
            headers = given.clone().into_iter().collect();
        }
        let path = match exchange.http.query.as_deref() {
            Some(query) if query.starts_with('/') => query.to_owned(),
            query => format!("/{}", query.unwrap_or_default()),
        };
        let method = exchange.http.http_method.clone().unwrap_or_else(|| "POST".to_owned());
        let body = exchange.request_text(&self.saved).unwrap_or_default().into_bytes();
        Request { method, path, headers, body }.send(node.http()).await
    }

    fn save(&mut self, exchange: &Exchange, answer: &str) {
        if let Some(name) = &exchange.save {
            self.saved.insert(name.clone(), Json::parse(answer).at("result").text());
        }
    }
}

/// A connection, and messages that arrived before they were expected: an answer and a notification may overtake each
/// other.
struct Line<C> {
    client: C,
    early: VecDeque<String>,
}

impl<C: Client> Line<C> {
    /// Sends the request, if there is one, and waits for a message of the expected kind.
    async fn step(
        &mut self,
        exchange: &Exchange,
        saved: &BTreeMap<String, String>,
    ) -> Result<String, String> {
        if let Some(text) = exchange.request_text(saved) {
            self.client.send(text).await;
        }
        let is_pushed = |text: &str| text.contains("\"method\":");
        let wanted = is_pushed(&exchange.response_raw);
        if let Some(index) = self.early.iter().position(|text| is_pushed(text) == wanted) {
            return Ok(self.early.remove(index).unwrap());
        }
        loop {
            let text = self.client.next().await.ok_or("the node closed the connection")?;
            if is_pushed(&text) == wanted {
                return Ok(text);
            }
            self.early.push_back(text);
        }
    }

    /// Checks that the node closes the connection.
    async fn end(&mut self) -> Result<(), String> {
        self.client.next().await.map_or(Ok(()), |text| Err(format!("still open: {text}")))
    }
}

fn check_response(
    exchange: &Exchange,
    instead: Option<&str>,
    response: &Response,
) -> Result<(), String> {
    let (status, instead) = match instead.and_then(|text| text.split_once(' ')) {
        // A difference with another status begins with it.
        Some((status, text)) if status.parse::<u16>().is_ok() => (status.parse().ok(), Some(text)),
        _ => (exchange.http.status, instead),
    };
    if Some(response.status) != status {
        return Err(format!("status {} instead of {status:?}", response.status));
    }
    let expected = instead.unwrap_or(&exchange.response_raw);
    // The case of a character set is not compared.
    let kind = response.header("content-type").map(str::to_ascii_lowercase);
    if instead.is_none() && kind != exchange.http.content_type {
        return Err(format!("content type {kind:?} instead of {:?}", exchange.http.content_type));
    }
    if expected.starts_with(['{', '[']) {
        return compare::check(exchange, expected, &response.body);
    }
    match response.body.trim_end() == expected.trim_end() {
        true => Ok(()),
        false => Err(format!("{:?} instead of {expected:?}", response.body)),
    }
}

/// Replaces `$names` in the parameters of a request by saved results.
fn fill(template: &Value, saved: &BTreeMap<String, String>) -> Value {
    match template {
        Value::String(text) => match text.strip_prefix('$') {
            Some(name) => Value::String(saved[name].clone()),
            None => template.clone(),
        },
        Value::Array(items) => items.iter().map(|item| fill(item, saved)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), fill(value, saved))).collect()
        }
        other => other.clone(),
    }
}

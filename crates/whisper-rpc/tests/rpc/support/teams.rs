//! Two teams that share a node.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use whisper_protocol::{Config, Work};
use whisper_rpc::{
    AuditSink, HttpSettings, Namespace, RpcAccess, RpcConfig, Team, TeamKeeper, TeamToken, Teams,
    TeamsSettings, Token, WsSettings,
};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::timeout;

use super::client::Client;
use super::eventually::PATIENCE;
use super::http::{Request, Response};
use super::node::{FREE, Node, config, request};

/// A team with this name and a token that is made of it.
pub fn team(name: &str) -> Team {
    let hash = Token::new(token(name)).unwrap().hash();
    let tokens = vec![TeamToken { hash, expires: None }];
    Team { tokens, ..Team::new(name.parse().unwrap()) }
}

/// The token of the team with this name.
pub fn token(name: &str) -> String {
    format!("the-token-of-{name}")
}

/// These teams. Clients of IPC are the operator.
pub fn teams(teams: impl Into<Vec<Team>>) -> Teams {
    Teams { teams: teams.into(), ipc: None }
}

/// A node without peers that requires no work and serves all namespaces to these teams.
pub async fn node(teams: Teams) -> Node {
    keeping(teams, None).await
}

/// The same node, with a keeper of changes.
pub async fn keeping(teams: Teams, keeper: Option<TeamKeeper>) -> Node {
    node_with(teams, keeper, None).await
}

/// The same node, with an audit log.
pub async fn node_with(teams: Teams, keeper: Option<TeamKeeper>, audit: Option<AuditSink>) -> Node {
    let api = Namespace::ALL.to_vec();
    let http = Some(HttpSettings { addr: FREE, api: api.clone(), ..HttpSettings::default() });
    let ws = Some(WsSettings { addr: FREE, api, ..WsSettings::default() });
    let settings = Config { min_work: Work::ZERO, ..Config::default() };
    let access = RpcAccess::Teams(TeamsSettings { teams, keeper });
    Node::start_from(RpcConfig { http, ws, access, audit, ..config() }, settings).await
}

/// Sends a request over HTTP with a token.
pub async fn send(node: &Node, token: &str, method: &str, params: Value) -> Response {
    let bearer = format!("Bearer {token}");
    let request = Request::json(request(method, params)).header("authorization", &bearer);
    request.send(node.http()).await
}

/// Calls a method over HTTP as a team. Returns the whole answer.
pub async fn call(node: &Node, team: &str, method: &str, params: Value) -> Value {
    let response = send(node, &token(team), method, params).await;
    assert_eq!(response.status, 200, "{method}: {response:?}");
    serde_json::from_str(&response.body).unwrap()
}

/// Calls a method over HTTP as a team, which succeeds. Returns its result.
pub async fn result(node: &Node, team: &str, method: &str, params: Value) -> Value {
    let answer = call(node, team, method, params).await;
    answer.get("result").unwrap_or_else(|| panic!("{method}: {answer}")).clone()
}

/// A message of the team to a topic.
pub fn message(key: &Value, topic: &str) -> Value {
    json!({
        "symKeyID": key, "topic": topic, "payload": "0x68656c6c6f", "ttl": 60,
        "powTarget": 0.0, "powTime": 1,
    })
}

/// A WebSocket of a team.
pub struct TeamSocket(WebSocketStream<TcpStream>);

impl TeamSocket {
    pub async fn connect(addr: SocketAddr, team: &str) -> Self {
        Self::connect_with(addr, &token(team)).await
    }

    /// Tries to connect as a team. Returns the status of the answer that refuses it.
    pub async fn refused(addr: SocketAddr, team: &str) -> u16 {
        match Self::try_connect(addr, &token(team)).await {
            Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
            other => panic!("not refused: {:?}", other.map(drop)),
        }
    }

    /// Connects with this token.
    pub async fn connect_with(addr: SocketAddr, token: &str) -> Self {
        Self::try_connect(addr, token).await.unwrap()
    }

    async fn try_connect(addr: SocketAddr, token: &str) -> Result<Self, tungstenite::Error> {
        let mut request = "ws://localhost/".into_client_request().unwrap();
        let bearer = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Ok(Self(client_async(request, stream).await?.0))
    }

    /// Calls a method. Returns the whole answer.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        serde_json::from_str(&self.ask(request(method, params)).await).unwrap()
    }
}

impl Client for TeamSocket {
    async fn send(&mut self, text: String) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    async fn next(&mut self) -> Option<String> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("a message in time")? {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

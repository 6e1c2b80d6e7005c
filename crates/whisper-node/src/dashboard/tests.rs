//! The page and its WebSocket, as a browser opens them.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use p2p_identity::SecretKey;
use p2p_server::{Config, Server};
use p2p_world::SystemWorld;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use whisper_protocol::{FilterKey, FilterSpec, Post, Recipient, Topic, Whisper};
use whisper_rpc::client::ShhClient as _;
use whisper_rpc::types::{Criteria, NewMessage};
use whisper_rpc::{
    HttpSettings, RpcAccess, RpcConfig, RpcServer, Scopes, Team, TeamToken, Teams, TeamsSettings,
    TokenHash,
};

use super::*;
use crate::KeptFiles;
use crate::metrics::{self, MetricsServer};

type Socket = WebSocketStream<TcpStream>;

/// A node whose JSON-RPC is only in this process.
struct Running {
    whisper: Whisper,
    server: Server,
    rpc: RpcServer,
    metrics: MetricsServer,
}

impl Running {
    async fn start(access: RpcAccess) -> Self {
        let whisper = Whisper::new(whisper_protocol::Config::default());
        let server = Server::start(Config::new(SecretKey::generate())).await.unwrap();
        let http = HttpSettings { addr: ([127, 0, 0, 1], 0).into(), ..HttpSettings::default() };
        let rpc = RpcConfig { http: Some(http), ws: None, access, ..RpcConfig::default() };
        let rpc = whisper_rpc::serve(rpc, whisper.clone(), server.clone()).await.unwrap();
        let sources = Sources {
            whisper: whisper.clone(),
            server: server.clone(),
            rpc: rpc.meter(),
            files: KeptFiles::default(),
            world: SystemWorld::shared(),
        };
        let metrics = metrics::serve(([127, 0, 0, 1], 0).into(), sources).await.unwrap();
        Self { whisper, server, rpc, metrics }
    }

    fn sources(&self) -> Sources {
        Sources {
            whisper: self.whisper.clone(),
            server: self.server.clone(),
            rpc: self.rpc.meter(),
            files: KeptFiles::default(),
            world: SystemWorld::shared(),
        }
    }

    /// A dashboard without a socket.
    fn dashboard(&self) -> Dashboard {
        Dashboard::new(self.sources(), TaskTracker::new(), CancellationToken::new())
    }

    /// Opens the WebSocket of the page. `protocols`: those that it asks for.
    async fn open(&self, protocols: &str) -> Result<(Socket, Option<String>), Error> {
        open(self.metrics.addr(), protocols).await
    }

    /// The typed client of a team.
    fn client(&self, token: &str) -> HttpClient {
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        let headers = [(header::AUTHORIZATION, bearer)].into_iter().collect();
        let url = format!("http://{}", self.rpc.http_addr().unwrap());
        HttpClientBuilder::default().set_headers(headers).build(url).unwrap()
    }

    async fn stop(self) {
        self.metrics.stop().await;
        self.rpc.stop().await;
        self.server.stop().await;
        self.whisper.stop().await;
    }
}

async fn open(addr: SocketAddr, protocols: &str) -> Result<(Socket, Option<String>), Error> {
    let mut request = format!("ws://{addr}/live").into_client_request()?;
    if !protocols.is_empty() {
        let protocols = HeaderValue::from_str(protocols).unwrap();
        request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocols);
    }
    let (socket, answer) = client_async(request, TcpStream::connect(addr).await?).await?;
    let accepted = answer.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
    Ok((socket, accepted.map(|name| name.to_str().unwrap().to_owned())))
}

/// The next text; `None` at the end of the connection.
async fn next(socket: &mut Socket) -> Option<Value> {
    loop {
        match socket.next().await? {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// The next snapshot, or explanation.
async fn next_of(socket: &mut Socket, kind: &str) -> Value {
    loop {
        let news = next(socket).await.expect("the connection is open");
        if let Some(found) = news.get(kind) {
            return found.clone();
        }
    }
}

fn team(name: &str, token: &str, admin: bool) -> Team {
    Team {
        tokens: vec![TeamToken { hash: TokenHash::of(token), expires: None }],
        scopes: Scopes { admin, ..Scopes::default() },
        ..Team::new(name.parse().unwrap())
    }
}

const OPERATORS: &str = "operators-token-1";
const PAYMENTS: &str = "payments-token-1";
const ALARMS: &str = "alarms-token-123";

fn teams() -> Teams {
    let all = vec![
        team("operators", OPERATORS, true),
        team("payments", PAYMENTS, false),
        team("alarms", ALARMS, false),
    ];
    Teams { teams: all, ipc: None }
}

fn access() -> RpcAccess {
    RpcAccess::Teams(TeamsSettings { teams: teams(), keeper: None })
}

#[tokio::test]
async fn all_pages_get_the_same_snapshots_each_second() {
    let node = Running::start(RpcAccess::Open).await;
    let (mut one, _) = node.open("").await.unwrap();
    let first = next_of(&mut one, "snapshot").await;
    assert_eq!(first["node"]["enode"], node.server.enode().to_string());
    assert_eq!(first["peers"], serde_json::json!([]));
    assert_eq!(first["metrics"]["p2p_peers"], 0);
    let (mut other, _) = node.open("").await.unwrap();
    let (of_one, of_other) =
        tokio::join!(next_of(&mut one, "snapshot"), next_of(&mut other, "snapshot"));
    assert_eq!(of_one, of_other);
    // When the last page has gone and another one comes, it gets them again.
    drop((one, other));
    let (mut third, _) = node.open("").await.unwrap();
    next_of(&mut third, "snapshot").await;
    node.stop().await;
}

#[tokio::test]
async fn an_explanation_shortens_the_ids_of_filters() {
    let node = Running::start(RpcAccess::Open).await;
    let key = node.whisper.keys().symmetric_from_password("swordfish");
    let spec = FilterSpec::new(FilterKey::Symmetric(key)).topic(Topic(*b"dash"));
    let filter = node.whisper.subscribe(spec).unwrap().to_string();
    let post = Post { topic: Topic(*b"dash"), ..Post::new(Recipient::Symmetric(key)) };
    let receipt = node.whisper.post(post).await.unwrap();
    let (mut page, _) = node.open("").await.unwrap();
    let question = format!("{{\"explain\":\"0x{}\"}}", hex::encode(receipt.hash()));
    page.send(Message::text(question)).await.unwrap();
    let explanation = next_of(&mut page, "explanation").await;
    let shown = explanation["pooled"]["filters"][0]["id"].as_str().unwrap().to_owned();
    assert!(shown.len() == 8 && filter.starts_with(&shown), "{shown} of {filter}");
    assert!(!explanation.to_string().contains(&filter));
    page.send(Message::text("{\"explain\":\"0x07\"}")).await.unwrap();
    let refused = next_of(&mut page, "refused").await;
    assert!(refused.as_str().unwrap().contains("64 hexadecimal digits"), "{refused}");
    // A question that is too long ends the connection.
    page.send(Message::text("x".repeat(1000))).await.unwrap();
    while next(&mut page).await.is_some() {}
    node.stop().await;
}

#[tokio::test]
async fn a_revoked_token_closes_an_open_page() {
    let node = Running::start(access()).await;
    let (mut page, accepted) = node.open(&format!("bearer.{OPERATORS}, other")).await.unwrap();
    assert_eq!(accepted.as_deref(), Some("other"), "one of those that were asked for");
    next_of(&mut page, "snapshot").await;
    node.rpc.hold_teams().await.set(Teams { teams: teams().teams.split_off(1), ipc: None });
    while next(&mut page).await.is_some() {}
    let Err(Error::Http(answer)) = node.open(&format!("bearer.{OPERATORS}")).await else {
        panic!("the token is revoked");
    };
    assert_eq!(answer.status(), 401);
    node.stop().await;
}

/// Posts a message with a token. Returns its hash, and the filter that gets it.
async fn post_as(node: &Running, token: &str) -> (String, String) {
    let client = node.client(token);
    let key = client.new_sym_key().await.unwrap();
    let topic = Topic(*b"dash");
    let criteria =
        Criteria { sym_key_id: key.clone(), topics: vec![topic.into()], ..Criteria::default() };
    let filter = client.new_message_filter(&criteria).await.unwrap();
    let message = NewMessage {
        sym_key_id: key,
        topic,
        ttl: 60,
        pow_time: 5,
        pow_target: 0.2,
        payload: token.as_bytes().to_vec().into(),
        ..NewMessage::default()
    };
    let hash = client.post(&message).await.unwrap();
    (format!("0x{}", hex::encode(hash.as_slice())), filter)
}

/// What a page is told of one team must have nothing of another one.
#[tokio::test]
async fn a_team_sees_its_own_posts_and_a_stranger_nothing() {
    let node = Running::start(access()).await;
    let posts = [post_as(&node, PAYMENTS).await, post_as(&node, ALARMS).await];
    for (token, name, own, foreign) in [(PAYMENTS, "payments", 0, 1), (ALARMS, "alarms", 1, 0)]
        .map(|(token, name, own, foreign)| (token, name, &posts[own], &posts[foreign]))
    {
        let (mut page, _) = node.open(&format!("bearer.{token}")).await.unwrap();
        let snapshot = next_of(&mut page, "team").await;
        assert_eq!(
            (&snapshot["team"], &snapshot["posts"][0]["hash"]),
            (&name.into(), &own.0.clone().into())
        );
        assert_eq!(snapshot["metrics"][format!("rpc_team_posts_total{{team=\"{name}\"}}")], 1);
        let fields: Vec<_> = snapshot.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["at", "metrics", "posts", "team"], "nothing of the node");
        let other = if name == "alarms" { "payments" } else { "alarms" };
        let text = snapshot.to_string();
        assert!(!text.contains(other) && !text.contains(&foreign.0), "{text}");
        let mut ask = async |what: &str, hash: &str, kind| {
            page.send(Message::text(format!("{{\"{what}\":\"{hash}\"}}"))).await.unwrap();
            next_of(&mut page, kind).await
        };
        let explained = ask("explain", &own.0, "explanation").await;
        assert_eq!(explained["state"], "pooled");
        let filters = explained["pooled"]["filters"].as_array().unwrap();
        assert!(filters.len() == 1 && own.1.starts_with(filters[0]["id"].as_str().unwrap()));
        let unknown = format!("0x{}", "5a".repeat(32));
        for (what, kind) in [("explain", "explanation"), ("trace", "trace")] {
            let of_foreign = ask(what, &foreign.0, kind).await.to_string();
            let of_unknown = ask(what, &unknown, kind).await.to_string();
            assert_eq!(of_foreign.replace(&foreign.0, &unknown), of_unknown, "{what}");
        }
        // The other nodes are asked about own posts only; this node has none to ask.
        let refused = ask("trace", &own.0, "refused").await.to_string();
        assert!(refused.contains("does not speak trace/1"), "{refused}");
    }
    let hashes: Vec<_> = posts.into_iter().map(|(hash, _)| hash).collect();
    others_see_the_node_or_nothing(&node, &hashes).await;
    node.stop().await;
}

/// An administrator sees the posts of all teams, a stranger none.
async fn others_see_the_node_or_nothing(node: &Running, hashes: &[String]) {
    let (mut whole, _) = node.open(&format!("bearer.{OPERATORS}")).await.unwrap();
    let snapshot = next_of(&mut whole, "snapshot").await;
    assert_eq!(snapshot["posts"].as_array().unwrap().len(), 2);
    assert_eq!(snapshot["metrics"]["rpc_team_posts_total{team=\"alarms\"}"], 1);
    for stranger in ["", "bearer.the-token-of-no-team", &format!("bearer.{PAYMENTS}x")] {
        let Err(Error::Http(answer)) = node.open(stranger).await else { panic!("{stranger}") };
        assert_eq!(answer.status(), 401);
        let body = String::from_utf8(answer.body().clone().unwrap_or_default()).unwrap();
        assert!(!hashes.iter().any(|hash| body.contains(hash)), "{body}");
    }
}

/// A team that opens many pages takes the places of no other.
#[tokio::test]
async fn each_team_has_places_of_its_own() {
    let node = Running::start(access()).await;
    let mut open = Vec::new();
    for _ in 0..MAX_PAGES {
        open.push(node.open(&format!("bearer.{PAYMENTS}")).await.unwrap().0);
    }
    let Err(Error::Http(answer)) = node.open(&format!("bearer.{PAYMENTS}")).await else {
        panic!("{MAX_PAGES} are open");
    };
    assert_eq!(answer.status(), 503);
    for token in [ALARMS, OPERATORS] {
        open.push(node.open(&format!("bearer.{token}")).await.unwrap().0);
    }
    drop(open);
    node.stop().await;
}

/// A page that reads nothing must not hold up the end of the node.
#[tokio::test]
async fn stopping_closes_open_pages_even_if_they_do_not_read() {
    let node = Running::start(RpcAccess::Open).await;
    let (mut page, _) = node.open("").await.unwrap();
    next_of(&mut page, "snapshot").await;
    let (silent, _) = node.open("").await.unwrap();
    let (addr, stopped) = (node.metrics.addr(), node.stop());
    let ((), ended) = tokio::join!(stopped, async {
        while next(&mut page).await.is_some() {}
        true
    });
    assert!(ended && open(addr, "").await.is_err());
    drop(silent);
}

/// One page that does not read must not delay the others, and its place is free when it is closed.
#[tokio::test]
async fn a_page_that_does_not_read_delays_no_other() {
    let node = Running::start(RpcAccess::Open).await;
    let mut silent = Vec::new();
    for _ in 1..MAX_PAGES {
        silent.push(node.open("").await.unwrap().0);
    }
    let (mut page, _) = node.open("").await.unwrap();
    for _ in 0..3 {
        next_of(&mut page, "snapshot").await;
    }
    let Err(Error::Http(answer)) = node.open("").await else { panic!("{MAX_PAGES} are open") };
    assert_eq!(answer.status(), 503);
    silent.pop().unwrap().close(None).await.unwrap();
    // The node frees the place when it has read that.
    let reopened = async {
        loop {
            if let Ok((page, _)) = node.open("").await {
                break page;
            }
            next_of(&mut page, "snapshot").await;
        }
    };
    next_of(&mut reopened.await, "snapshot").await;
    node.stop().await;
}

#[test]
fn only_the_page_itself_and_programs_may_connect() {
    let from = |origin: Option<&str>| {
        let request = Request::builder().header(header::HOST, "127.0.0.1:6060");
        let request = match origin {
            Some(origin) => request.header(header::ORIGIN, origin),
            None => request,
        };
        is_same_origin(&request.body(()).unwrap())
    };
    assert!(from(None) && from(Some("http://127.0.0.1:6060")));
    for other in ["http://127.0.0.1:6061", "https://127.0.0.1:6060", "http://evil.example", "null"]
    {
        assert!(!from(Some(other)), "{other}");
    }
    let no_host = Request::builder().header(header::ORIGIN, "http://127.0.0.1:6060");
    assert!(!is_same_origin(&no_host.body(()).unwrap()));
}

#[tokio::test]
async fn the_dashboard_is_served_only_to_this_machine_and_to_its_own_page() {
    let node = Running::start(RpcAccess::Open).await;
    let dashboard = node.dashboard();
    let answer = |method, path: &str, origin: &str, client: &str| {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::HOST, "127.0.0.1:6060");
        let mut request = request.header(header::ORIGIN, origin).body(()).unwrap();
        dashboard.respond(&mut request, client.parse().unwrap())
    };
    let status = |method, path: &str, origin: &str, client: &str| {
        answer(method, path, origin, client).unwrap().status()
    };
    let (own, here) = ("http://127.0.0.1:6060", "127.0.0.1:4000");
    let page = answer(Method::GET, "/", own, "[::ffff:127.0.0.1]:4000").unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
    for path in ["/", "/dashboard.js", "/live"] {
        assert_eq!(status(Method::GET, path, own, "10.0.0.7:4000"), StatusCode::FORBIDDEN);
        assert_eq!(status(Method::POST, path, own, here), StatusCode::METHOD_NOT_ALLOWED);
    }
    let foreign = status(Method::GET, "/live", "http://evil.example", here);
    assert_eq!(foreign, StatusCode::FORBIDDEN);
    assert_eq!(status(Method::GET, "/live", own, here), StatusCode::BAD_REQUEST);
    assert!(answer(Method::GET, "/metrics", own, here).is_none());
    node.stop().await;
}

#[tokio::test]
async fn a_node_with_teams_asks_for_a_token() {
    let node = Running::start(access()).await;
    let dashboard = node.dashboard();
    let status = |protocols: &str| {
        let request = Request::builder().uri("/live").header(header::HOST, "127.0.0.1:6060");
        let request = request.header(header::SEC_WEBSOCKET_PROTOCOL, protocols);
        let mut request = request.body(()).unwrap();
        dashboard.respond(&mut request, "127.0.0.1:4000".parse().unwrap()).unwrap().status()
    };
    let with = |token: &str| status(&format!("bearer.{token}"));
    for token in ["", "another-token-16"] {
        assert_eq!(with(token), StatusCode::UNAUTHORIZED, "{token}");
    }
    // It is no handshake, but it may enter.
    assert_eq!(with(OPERATORS), StatusCode::BAD_REQUEST);
    assert_eq!(with(PAYMENTS), StatusCode::BAD_REQUEST);
    node.rpc.hold_teams().await.set(Teams { teams: teams().teams.split_off(1), ipc: None });
    assert_eq!(with(OPERATORS), StatusCode::UNAUTHORIZED);
    node.stop().await;
}

#[test]
fn the_page_needs_nothing_but_its_own_files() {
    for (path, _, content) in FILES {
        for foreign in ["http://", "https://", "//cdn", "@import", "url("] {
            let found = content.replace("http://www.w3.org/2000/svg", "").contains(foreign);
            assert!(!found, "{path} has {foreign}");
        }
        // Names of peers and messages are text, not HTML.
        for unsafe_call in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"] {
            assert!(!content.contains(unsafe_call), "{path} has {unsafe_call}");
        }
    }
}

#[test]
fn the_page_has_a_text_for_every_state_and_reason() {
    let document = whisper_rpc::openrpc(&whisper_rpc::Namespace::ALL);
    for name in ["EnvelopeState", "FilterOutcome", "NotSent", "PostState", "Source"] {
        let values = document["components"]["schemas"][name]["oneOf"].as_array().unwrap();
        for value in values.iter().map(|value| value["const"].as_str().unwrap()) {
            assert!(FILES[2].2.contains(&format!(" {value}: ")), "{name}: {value}");
        }
    }
}

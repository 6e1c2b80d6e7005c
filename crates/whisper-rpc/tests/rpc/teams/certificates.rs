//! Client certificates: a connection over TLS acts as the team that has the certificate.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use whisper_protocol::{Config, Work};
use whisper_rpc::{
    HttpSettings, Namespace, RpcAccess, RpcConfig, Team, TeamCertificate, Teams, TeamsSettings,
    WsSettings,
};

use crate::support::eventually::PATIENCE;
use crate::support::node::{FREE, Node, config, request};
use crate::support::teams::{team, teams, token};
use crate::support::tls::{ClientCertificate, connect, fingerprint, handshake, tls};

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// A team with a token, and with the certificate in this file.
fn with_certificate(name: &str, file: &str, expires: Option<u64>) -> Team {
    let certificates = vec![TeamCertificate { hash: fingerprint(file), expires }];
    Team { certificates, ..team(name) }
}

fn two_teams() -> Teams {
    let admins = with_certificate("admins", "other-client.pem", None);
    let scopes = whisper_rpc::Scopes { admin: true, ..admins.scopes.clone() };
    teams([with_certificate("weather", "client.pem", None), Team { scopes, ..admins }])
}

async fn node(teams: Teams) -> Node {
    let api = Namespace::ALL.to_vec();
    let http = Some(HttpSettings { addr: FREE, api: api.clone(), ..HttpSettings::default() });
    let ws = Some(WsSettings { addr: FREE, api, ..WsSettings::default() });
    let access = RpcAccess::Teams(TeamsSettings { teams, keeper: None });
    let settings = Config { min_work: Work::ZERO, ..Config::default() };
    let config = RpcConfig { http, ws, access, tls: Some(tls()), ..config() };
    Node::start_from(config, settings).await
}

/// The certificate of the team weather.
fn own() -> Arc<ClientCertificate> {
    ClientCertificate::load("client.pem", "client-key.pem")
}

/// That of the team admins.
fn other() -> Arc<ClientCertificate> {
    ClientCertificate::load("other-client.pem", "other-client-key.pem")
}

/// Calls a method over HTTP. Returns the whole response.
async fn post(
    addr: SocketAddr,
    certificate: Option<&Arc<ClientCertificate>>,
    token: Option<&str>,
    body: &str,
) -> String {
    let mut stream = connect(addr, certificate).await;
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let head = format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n{}\
         content-length: {}\r\n\r\n",
        token.unwrap_or_default(),
        body.len()
    );
    // If the certificate is refused, the server may close the connection before.
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end");
    String::from_utf8(answer).unwrap()
}

fn is_unauthorized(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

async fn ask(socket: &mut Socket, method: &str, params: Value) -> Value {
    socket.send(Message::text(request(method, params))).await.unwrap();
    loop {
        let message = timeout(PATIENCE, socket.next()).await.expect("an answer").unwrap().unwrap();
        if let Message::Text(text) = message {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// Waits until the server closes the connection.
async fn closed(mut socket: Socket) {
    let end = async {
        while let Some(Ok(message)) = socket.next().await {
            assert!(!message.is_text(), "{message}");
        }
    };
    timeout(PATIENCE, end).await.expect("the connection is closed");
}

#[tokio::test]
async fn a_certificate_is_shown_instead_of_a_token() {
    let node = node(two_teams()).await;
    let (own, other) = (own(), other());
    let mut weather = handshake(connect(node.ws(), Some(&own)).await, &[]).await.unwrap();
    let key = ask(&mut weather, "shh_newSymKey", json!([])).await["result"].take();
    let has = request("shh_hasSymKey", json!([key]));
    for (certificate, token, expected) in [
        (Some(&own), None, "true"),
        (Some(&other), None, "false"),
        // Who shows a token is in its team, whatever the certificate is.
        (None, Some(token("weather")), "true"),
        (Some(&other), Some(token("weather")), "true"),
        (Some(&own), Some(token("admins")), "false"),
    ] {
        let answer = post(node.http(), certificate, token.as_deref(), &has).await;
        assert!(answer.ends_with(&format!("\"result\":{expected}}}")), "{answer}");
    }
    is_unauthorized(&post(node.http(), None, None, &has).await);
    is_unauthorized(&post(node.http(), Some(&own), Some("the-token-of-no-team"), &has).await);
    let refused = handshake(connect(node.ws(), None).await, &[]).await;
    assert!(matches!(refused, Err(Error::Http(answer)) if answer.status() == 401));
    node.stop().await;
}

/// A certificate is public. Only who has its private key may use it.
#[tokio::test]
async fn a_certificate_without_its_private_key_is_nothing() {
    let node = node(two_teams()).await;
    let stolen = ClientCertificate::load("client.pem", "other-client-key.pem");
    let answer = post(node.http(), Some(&stolen), None, &request("net_version", json!([]))).await;
    assert!(stolen.was_asked());
    assert_eq!(answer, "", "the handshake fails");
    node.stop().await;
}

#[tokio::test]
async fn a_revoked_certificate_ends_calls_and_connections() {
    let node = node(two_teams()).await;
    let (own, other) = (own(), other());
    let mut idle = handshake(connect(node.ws(), Some(&own)).await, &[]).await.unwrap();
    let bearer = format!("Bearer {}", token("weather"));
    let stream = connect(node.ws(), Some(&own)).await;
    let mut by_token = handshake(stream, &[("authorization", &bearer)]).await.unwrap();
    let mut admin = handshake(connect(node.ws(), Some(&other)).await, &[]).await.unwrap();
    assert_eq!(ask(&mut idle, "net_version", json!([])).await["result"], "1");

    let shown = ask(&mut admin, "admin_teams", json!([])).await["result"].take();
    let certificate = &shown[1]["certificates"][0];
    let hash = fingerprint("client.pem");
    assert_eq!(
        certificate,
        &json!({ "id": hash.id(), "fingerprint": hash.to_string(), "expires": null })
    );
    let remove = json!(["weather", hash.id()]);
    assert_eq!(
        ask(&mut admin, "admin_removeTeamCertificate", remove.clone()).await["result"],
        true
    );
    closed(idle).await;
    assert_eq!(ask(&mut by_token, "net_version", json!([])).await["result"], "1");
    let call = request("net_version", json!([]));
    is_unauthorized(&post(node.http(), Some(&own), None, &call).await);
    assert_eq!(ask(&mut admin, "admin_removeTeamCertificate", remove).await["result"], false);

    // It is added again, as openssl prints it, and cannot be that of two teams.
    let digits = hash.to_string().to_uppercase();
    let pairs: Vec<_> =
        digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap()).collect();
    let printed = pairs.join(":");
    for (name, printed, text) in [
        ("weather", "12", "not the SHA-256 fingerprint of a certificate"),
        ("missing", &printed, "there is no team missing"),
        (
            "weather",
            &fingerprint("other-client.pem").to_string(),
            "this certificate is one of the team admins already",
        ),
    ] {
        let answer = ask(&mut admin, "admin_addTeamCertificate", json!([name, printed])).await;
        assert!(answer["error"]["message"].as_str().unwrap().starts_with(text), "{answer}");
    }
    for seconds in [None, Some(3600)] {
        let add = json!(["weather", printed, seconds]);
        assert_eq!(ask(&mut admin, "admin_addTeamCertificate", add).await["result"], hash.id());
    }
    let shown = ask(&mut admin, "admin_teams", json!([])).await["result"].take();
    assert!(shown[1]["certificates"][0]["expires"].is_number(), "{shown}");
    assert_eq!(shown[1]["certificates"].as_array().unwrap().len(), 1);
    assert!(post(node.http(), Some(&own), None, &call).await.ends_with("\"result\":\"1\"}"));
    node.stop().await;
}

#[tokio::test]
async fn a_certificate_ends_at_its_time_and_is_asked_for_only_if_a_team_has_one() {
    let node = node(teams([with_certificate("weather", "client.pem", Some(1_000_000_000))])).await;
    let (own, call) = (own(), request("net_version", json!([])));
    is_unauthorized(&post(node.http(), Some(&own), None, &call).await);
    assert!(own.was_asked());
    node.rpc.hold_teams().await.set(teams([team("weather")]));
    let unasked = self::own();
    is_unauthorized(&post(node.http(), Some(&unasked), None, &call).await);
    assert!(!unasked.was_asked());
    node.stop().await;
}

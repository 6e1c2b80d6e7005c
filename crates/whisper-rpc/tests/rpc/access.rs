//! Access control: the token, TLS, and the export of keys.

use crate::support::eventually::PATIENCE;
use crate::support::http::Request;
use crate::support::node::{Node, config, request};
use crate::support::tls::{connect, handshake, tls, tls_file};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use whisper_rpc::TlsContent::{Certificate, PrivateKey};
use whisper_rpc::{RpcAccess, RpcConfig, Tls, TlsError, Token};

const TOKEN: &str = "correct-horse-battery-staple";

fn guarded() -> RpcConfig {
    RpcConfig { access: RpcAccess::Token(Token::new(TOKEN).unwrap()), ..config() }
}

async fn ws(node: &Node, headers: &[(&str, &str)]) -> Result<WebSocketStream<TcpStream>, Error> {
    handshake(TcpStream::connect(node.ws()).await.unwrap(), headers).await
}

async fn version<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) {
    socket.send(Message::text(request("shh_version", json!([])))).await.unwrap();
    // Pings may arrive first.
    let answer = loop {
        match timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => break text,
            _ => continue,
        }
    };
    assert!(answer.contains("\"6.0\""), "{answer}");
}

#[tokio::test]
async fn http_needs_the_token() {
    let node = Node::start_with(guarded()).await;
    let call = || Request::json(request("shh_version", json!([])));
    for wrong in [None, Some("Bearer wrong"), Some(TOKEN), Some("Basic YTpi")] {
        let request = match wrong {
            None => call(),
            Some(value) => call().header("authorization", value),
        };
        let response = request.send(node.http()).await;
        assert_eq!(response.status, 401, "{wrong:?}");
        assert_eq!(response.header("www-authenticate"), Some("Bearer"));
    }
    let right = call().header("authorization", &format!("Bearer {TOKEN}"));
    let response = right.send(node.http()).await;
    assert_eq!(response.status, 200);
    assert!(response.body.contains("\"6.0\""), "{response:?}");
    assert_eq!(node.rpc.stats().refused_token, 4);
}

#[tokio::test]
async fn a_cors_preflight_allows_the_authorization_header() {
    let mut config = guarded();
    config.http.as_mut().unwrap().cors = vec!["https://app.example".to_owned()];
    let node = Node::start_with(config).await;
    let mut preflight = Request::json("");
    preflight.method = "OPTIONS".to_owned();
    let preflight = preflight
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let response = preflight.send(node.http()).await;
    assert_eq!(response.status, 200);
    let allowed = response.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("authorization"), "a star would not cover it: {allowed}");
}

#[tokio::test]
async fn websocket_needs_the_token_in_a_header_or_as_a_sub_protocol() {
    let node = Node::start_with(guarded()).await;
    let (bearer, protocol) = (format!("Bearer {TOKEN}"), format!("bearer.{TOKEN}"));
    for wrong in
        [&[][..], &[("authorization", "Bearer wrong")], &[("sec-websocket-protocol", TOKEN)]]
    {
        match ws(&node, wrong).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), 401, "{wrong:?}"),
            other => panic!("{wrong:?}: {other:?}"),
        }
    }
    version(&mut ws(&node, &[("authorization", &bearer)]).await.unwrap()).await;
    version(&mut ws(&node, &[("sec-websocket-protocol", &protocol)]).await.unwrap()).await;
    assert_eq!(node.rpc.stats().refused_token, 3);
}

#[cfg(unix)]
#[tokio::test]
async fn ipc_needs_no_token() {
    use crate::support::client::Client;
    let node = Node::start_with(guarded()).await;
    let answer = node.connect_ipc().await.ask(request("shh_version", json!([]))).await;
    assert!(answer.contains("\"6.0\""), "{answer}");
}

#[tokio::test]
async fn keys_are_not_exported_if_export_is_off() {
    let node = Node::start_with(RpcConfig { key_export: false, ..config() }).await;
    let (pair, symmetric) = (
        node.result("shh_newKeyPair", json!([])).await,
        node.result("shh_newSymKey", json!([])).await,
    );
    for (method, id) in [("shh_getPrivateKey", &pair), ("shh_getSymKey", &symmetric)] {
        let error = node.call(method, json!([id])).await["error"].clone();
        assert_eq!(error["code"], -32000);
        assert_eq!(error["message"], "this node does not export its keys");
    }
    #[cfg(unix)]
    {
        use crate::support::client::Client;
        let call = request("shh_getSymKey", json!([symmetric]));
        let answer: Value =
            serde_json::from_str(&node.connect_ipc().await.ask(call).await).unwrap();
        assert!(answer.get("error").is_some(), "{answer}");
    }
    assert!(node.result("shh_getPublicKey", json!([pair])).await.is_string());
}

#[tokio::test]
async fn http_and_websocket_are_served_over_tls() {
    let mut config = RpcConfig { tls: Some(tls()), ..config() };
    config.limits.step_time = std::time::Duration::from_secs(2);
    let node = Node::start_with(config).await;
    let body = request("shh_version", json!([]));
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let post = format!("{head}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let mut stream = connect(node.http(), None).await;
    stream.write_all(post.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\"6.0\""), "{answer}");
    version(&mut handshake(connect(node.ws(), None).await, &[]).await.unwrap()).await;

    // A client without TLS, or with an incomplete handshake, is disconnected.
    for begin in [post.as_bytes(), b"\x16\x03\x01"] {
        let mut stream = TcpStream::connect(node.http()).await.unwrap();
        stream.write_all(begin).await.unwrap();
        let mut bytes = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an end");
        assert!(!bytes.starts_with(b"HTTP"), "{bytes:?}");
    }
}

#[test]
fn errors_about_the_files_say_what_is_wrong() {
    let load = |certificates: &str, key: &str| Tls::load(&tls_file(certificates), &tls_file(key));
    let missing = load("nothing.pem", "key.pem").unwrap_err();
    assert!(matches!(missing, TlsError::Read { content: Certificate, .. }), "{missing}");
    let no_key = load("cert.pem", "cert.pem").unwrap_err();
    assert!(matches!(no_key, TlsError::Pem { content: PrivateKey, .. }), "{no_key}");
    let no_certificate = load("key.pem", "key.pem").unwrap_err();
    assert!(matches!(no_certificate, TlsError::Pem { content: Certificate, .. }));
    let no_pem = load("README.md", "key.pem").unwrap_err();
    assert!(matches!(no_pem, TlsError::Pem { content: Certificate, .. }), "{no_pem}");
    assert!(matches!(load("cert.pem", "other-key.pem"), Err(TlsError::Mismatch)));
}

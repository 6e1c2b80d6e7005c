//! HTTP and WebSocket started and stopped while the node runs.

use std::net::{SocketAddr, TcpListener};

use crate::support::client::Client;
use crate::support::http::Request;
use crate::support::node::{Node, config, request};
use crate::support::ws::WsClient;
use serde_json::{Value, json};
use whisper_rpc::{HttpSettings, RpcConfig, RpcError, WebSetting, WsSettings, serve};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The answer over WebSocket.
async fn ask(client: &mut WsClient, method: &str, params: Value) -> Value {
    parsed(&client.ask(request(method, params)).await)
}

async fn http_version(addr: SocketAddr) -> Value {
    let response = Request::json(request("shh_version", json!([]))).send(addr).await;
    parsed(&response.body)["result"].clone()
}

#[tokio::test]
async fn http_is_stopped_and_started_again_under_both_names() {
    let node = Node::start().await;
    let mut client = node.connect().await;
    let addr = node.http();
    for version in ["HTTP", "RPC"] {
        let (start, stop) = (format!("admin_start{version}"), format!("admin_stop{version}"));
        let running = ask(&mut client, &start, json!([])).await;
        assert_eq!(running["error"]["code"], -32000);
        assert_eq!(running["error"]["message"], format!("HTTP RPC already running on {addr}"));

        assert_eq!(ask(&mut client, &stop, json!([])).await["result"], true);
        assert_eq!(node.rpc.http_addr(), None);
        TcpListener::bind(addr).expect("the port to be free at once");
        let stopped = ask(&mut client, &stop, json!([])).await;
        assert_eq!(stopped["error"]["message"], "HTTP RPC not running");

        let port = addr.port();
        let params = json!(["localhost", port, "https://app.example", "shh,admin", "node.example"]);
        assert_eq!(ask(&mut client, &start, params).await["result"], true);
        assert_eq!(node.http(), addr);
        assert_eq!(http_version(addr).await, "6.0");
        let modules = node.result("rpc_modules", json!([])).await;
        assert_eq!(modules, json!({ "admin": "1.0", "rpc": "1.0", "shh": "1.0" }));
        let page = Request::json(request("shh_version", json!([])))
            .header("host", "node.example")
            .header("origin", "https://app.example");
        let response = page.send(addr).await;
        assert_eq!(response.header("access-control-allow-origin"), Some("https://app.example"));
        assert_eq!(response.status, 200);
    }
}

#[tokio::test]
async fn a_transport_answers_the_call_that_stops_it() {
    let node = Node::start().await;
    let stop = Request::json(request("admin_stopHTTP", json!([])));
    assert_eq!(parsed(&stop.send(node.http()).await.body)["result"], true);
    assert_eq!(node.rpc.http_addr(), None);

    let ws = node.ws();
    let mut client = node.connect().await;
    assert_eq!(ask(&mut client, "admin_stopWS", json!([])).await["result"], true);
    assert_eq!(client.next().await, None, "its connections end");
    assert!(WsClient::connect_from(ws, None).await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn a_node_with_ipc_only_can_start_websocket() {
    let node = Node::start_with(RpcConfig { http: None, ws: None, ..config() }).await;
    let mut ipc = node.connect_ipc().await;
    let mut admin = async |method: &str, params| parsed(&ipc.ask(request(method, params)).await);
    let api = "shh";
    assert_eq!(admin("admin_startWS", json!(["127.0.0.1", 0, "*", api])).await["result"], true);
    let mut client = WsClient::connect_from(node.ws(), Some("https://any.example")).await.unwrap();
    let modules = ask(&mut client, "rpc_modules", json!([])).await["result"].clone();
    assert_eq!(modules, json!({ "rpc": "1.0", "shh": "1.0" }));
    let running = admin("admin_startWS", json!([])).await;
    let text = format!("WebSocket RPC already running on {}", node.ws());
    assert_eq!(running["error"]["message"], text);
    assert_eq!(admin("admin_stopWS", json!([])).await["result"], true);
    let stopped = admin("admin_stopWS", json!([])).await;
    assert_eq!(stopped["error"]["message"], "WebSocket RPC not running");
}

#[tokio::test]
async fn errors_say_why_a_transport_cannot_start() {
    let node = Node::start_with(RpcConfig { http: None, ..config() }).await;
    let mut client = node.connect().await;
    let taken = node.ws().port();
    let cases = [
        (json!(["127.0.0.1", taken]), -32000, "is already in use"),
        (json!(["127.0.0.1", 65_536]), -32000, "invalid port: 65536"),
        (json!(["no host", 0]), -32000, "invalid host: no host"),
        (json!([null, 0, null, "shh,personal"]), -32000, "unknown API namespace \"personal\""),
        (json!([5]), -32602, "invalid argument 0: want a string"),
        (json!(["127.0.0.1", -1]), -32602, "invalid argument 1: want a whole number"),
        (json!([1, 2, 3, 4, 5, 6]), -32602, "too many arguments, want at most 5"),
    ];
    for (params, code, text) in cases {
        let error = ask(&mut client, "admin_startHTTP", params.clone()).await["error"].clone();
        assert_eq!(error["code"], code, "{params}: {error}");
        assert!(error["message"].as_str().unwrap().contains(text), "{params}: {error}");
    }
    assert_eq!(node.rpc.http_addr(), None);
    // Missing arguments are taken from the configuration, here the default except for the port.
    assert_eq!(ask(&mut client, "admin_startHTTP", json!([null, 0])).await["result"], true);
    assert!(node.http().ip().is_loopback());
    let modules = node.result("rpc_modules", json!([])).await;
    let default: Vec<_> = HttpSettings::default().api.iter().map(|name| name.to_string()).collect();
    assert!(default.iter().all(|name| modules[name] == "1.0"), "{modules}");
    assert_eq!(modules["admin"], Value::Null);
}

#[cfg(unix)]
/// What the flags refuse, the methods refuse too, and programs that give it in a configuration learn of it.
#[tokio::test]
async fn names_of_web_pages_are_checked_as_at_the_start() {
    use WebSetting::{Cors, VirtualHosts, WsOrigins};
    let node = Node::start_with(RpcConfig { http: None, ws: None, ..config() }).await;
    let mut ipc = node.connect_ipc().await;
    let cases = [
        (Cors, "app.example"),
        (Cors, "https://app.example, https://app.example/path"),
        (Cors, "http://*.example"),
        (Cors, "\"*\""),
        (VirtualHosts, "http://localhost"),
        (VirtualHosts, "localhost,localhost:8545"),
        (WsOrigins, "https://app.example/path"),
        (WsOrigins, "a b"),
    ];
    for (setting, names) in cases {
        let (method, params) = match setting {
            Cors => ("admin_startHTTP", json!(["127.0.0.1", 0, names])),
            VirtualHosts => ("admin_startHTTP", json!(["127.0.0.1", 0, null, null, names])),
            WsOrigins => ("admin_startWS", json!(["127.0.0.1", 0, names])),
        };
        let answer = parsed(&ipc.ask(request(method, params)).await);
        let text = answer["error"]["message"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let bad = names.rsplit(',').next().unwrap().trim();
        assert!(text.starts_with(&format!("cannot use {bad:?} as {setting}: not a")), "{text}");

        let (mut http, mut ws) = (HttpSettings::default(), WsSettings::default());
        let list = match setting {
            Cors => &mut http.cors,
            VirtualHosts => &mut http.vhosts,
            WsOrigins => &mut ws.origins,
        };
        *list = vec![bad.to_owned()];
        let addr = crate::support::node::FREE;
        let (http, ws) = (HttpSettings { addr, ..http }, WsSettings { addr, ..ws });
        let config = RpcConfig { http: Some(http), ws: Some(ws), ..RpcConfig::default() };
        let error = serve(config, node.whisper.clone(), node.server.clone()).await.unwrap_err();
        assert!(
            matches!(&error, RpcError::WebName { setting: of, .. } if *of == setting),
            "{error}"
        );
    }
    assert_eq!((node.rpc.http_addr(), node.rpc.ws_addr()), (None, None));
    let good = json!(["127.0.0.1", 0, "https://app.example, null", "shh", "node.example, *"]);
    assert_eq!(parsed(&ipc.ask(request("admin_startHTTP", good)).await)["result"], true);
    let good = json!(["127.0.0.1", 0, "app.example:80, https://a.example/", "shh"]);
    assert_eq!(parsed(&ipc.ask(request("admin_startWS", good)).await)["result"], true);
}

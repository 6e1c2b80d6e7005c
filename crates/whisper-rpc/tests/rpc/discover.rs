//! The OpenRPC document of a node describes its methods correctly.

use crate::support::client::Client;
use crate::support::node::{Node, config, request};
use crate::support::ws::WsClient;
use serde_json::{Value, json};
use whisper_rpc::Namespace;

/// Code and text of the error.
fn error_of(response: &Value) -> (i64, &str) {
    (
        response["error"]["code"].as_i64().unwrap_or(0),
        response["error"]["message"].as_str().unwrap_or(""),
    )
}

#[tokio::test]
async fn every_method_reads_the_described_parameters() {
    let mut config = config();
    config.ws.as_mut().unwrap().api = Namespace::ALL.to_vec();
    let node = Node::start_with(config).await;
    let mut client = node.connect().await;
    let document = ask(&mut client, "rpc_discover", json!([])).await["result"].take();
    for method in document["methods"].as_array().unwrap() {
        let name = method["name"].as_str().unwrap();
        let params = method["params"].as_array().unwrap();
        if name.starts_with("admin_stop") || name == "admin_reload" {
            // They would stop the transport of this test, or read a configuration that it does not have.
            continue;
        }
        if params.is_empty() {
            let answer = ask(&mut client, name, json!([])).await;
            assert!(answer.get("result").is_some(), "{name}: {answer}");
            continue;
        }
        let surplus = ask(&mut client, name, json!(vec!["x"; params.len() + 1])).await;
        let text = format!("too many arguments, want at most {}", params.len());
        assert_eq!(error_of(&surplus), (-32602, text.as_str()), "{name}");
        assert!(method["errors"].as_array().unwrap().contains(&surplus["error"]), "{name}");
        if params[0]["required"] == false {
            continue;
        }
        let none = ask(&mut client, name, json!([])).await;
        assert_eq!(error_of(&none), (-32602, "missing value for required argument 0"), "{name}");
        // Only a required argument must not be missing.
        let last = params.len() - 1;
        let one_less = ask(&mut client, name, json!(vec![argument(name); last])).await;
        let missing = format!("missing value for required argument {last}");
        let required = params[last]["required"] == true;
        assert_eq!(error_of(&one_less).1 == missing, required, "{name}: {one_less}");
    }
    node.stop().await;
}

async fn ask(client: &mut WsClient, method: &str, params: Value) -> Value {
    serde_json::from_str(&client.ask(request(method, params)).await).unwrap()
}

/// An argument of the right type for the method.
fn argument(method: &str) -> Value {
    match method {
        "shh_subscribe" | "history_subscribe" => json!("messages"),
        "admin_subscribe" => json!("peerEvents"),
        "shh_requestMessagesSync" | "shhext_requestMessagesSync" => json!({}),
        _ => json!("0x00"),
    }
}

#[tokio::test]
async fn each_transport_describes_what_it_serves() {
    let mut config = config();
    config.http.as_mut().unwrap().api = vec![Namespace::Net];
    let node = Node::start_with(config).await;
    let document = node.result("rpc_discover", json!([])).await;
    let names = document["methods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|method| method["name"].as_str().unwrap());
    assert!(names.clone().all(|name| name.starts_with("net_") || name.starts_with("rpc_")));
    assert!(names.clone().count() >= 5);
    node.stop().await;
}

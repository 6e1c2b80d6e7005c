//! Halves of surrogate pairs in requests. JSON can write them (`\ud800`), but no text contains them.

use crate::support::client::Client;
use crate::support::http::Request;
use crate::support::node::Node;
use serde_json::{Value, json};

/// A call whose answer shows that there was none to the request before it.
const NEXT: &str = r#"{"jsonrpc":"2.0","id":"next","method":"shh_version"}"#;

/// Sends a request. If it is not `answered`, the answer to [`NEXT`] comes first.
async fn ask(client: &mut impl Client, request: &str, answered: bool) -> Option<Value> {
    client.send(request.to_owned()).await;
    if !answered {
        client.send(NEXT.to_owned()).await;
    }
    let answer: Value = serde_json::from_str(&client.next().await.unwrap()).unwrap();
    (answer["id"] != "next").then_some(answer)
}

/// The answer, which is the same on all transports.
async fn answer(node: &Node, request: &str) -> Option<Value> {
    let response = Request::json(request).send(node.http()).await;
    assert_eq!(response.status, 200, "{response:?}");
    let answered = !response.body.is_empty();
    let over_http = answered.then(|| serde_json::from_str(&response.body).unwrap());
    assert_eq!(ask(&mut node.connect().await, request, answered).await, over_http, "{request}");
    #[cfg(unix)]
    assert_eq!(ask(&mut node.connect_ipc().await, request, answered).await, over_http, "{request}");
    over_http
}

/// A request without an id is a notification, which is not answered.
#[tokio::test]
async fn a_notification_is_not_answered() {
    let node = Node::start().await;
    for request in [
        r#"{"jsonrpc":"2.0","pubKeyid":"sig\ud800","method":"shh_versipowTimon"}"#,
        r#"{"jsonrpc":"2.0","pubKeyid":"sig\uDFFF","method":"shh_version"}"#,
        r#"{"jsonrpc":"2.0","method":"shh_version","params":["\ud800"]}"#,
    ] {
        assert_eq!(answer(&node, request).await, None, "{request}");
    }
}

#[tokio::test]
async fn a_call_is_answered_with_the_error_that_fits() {
    let node = Node::start().await;
    for (request, code) in [
        (r#"{"jsonrpc":"2.0","id":1,"x":"sig\ud800","method":"shh_versipowTimon"}"#, -32601),
        (r#"{"jsonrpc":"2.0","id":1,"method":"shh_vers\ud800ion"}"#, -32600),
        (r#"{"jsonrpc":"2.0\ud800","id":1,"method":"shh_version"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":"\ud800","method":"shh_version"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"shh_hasSymKey","params":["\ud800"]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"shh_hasSymKey","params":["\udc00\ud800"]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"shh_post","params":[{"sig":"\udbff"}]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"shh_post","params":[{"\ud800":1}]}"#, -32602),
    ] {
        let answer = answer(&node, request).await.unwrap();
        assert_eq!(answer["error"]["code"], code, "{request}: {answer}");
    }
    let unused = r#"{"jsonrpc":"2.0","id":1,"x":"\ud800","method":"shh_version"}"#;
    assert_eq!(answer(&node, unused).await.unwrap()["result"], "6.0");
    let pair = r#"{"jsonrpc":"2.0","id":"\ud83d\ude00","method":"shh_version"}"#;
    assert_eq!(answer(&node, pair).await.unwrap()["id"], "\u{1f600}");
}

#[tokio::test]
async fn the_other_calls_of_a_batch_are_answered() {
    let node = Node::start().await;
    let batch = r#"[{"jsonrpc":"2.0","x":"\ud800","method":"shh_nonsense"},
        {"jsonrpc":"2.0","id":1,"method":"shh_\ud800"},
        {"jsonrpc":"2.0","id":2,"method":"shh_version"}]"#;
    let answers = answer(&node, batch).await.unwrap();
    assert_eq!(answers.as_array().unwrap().len(), 2, "{answers}");
    assert_eq!(answers[0]["error"]["code"], -32600);
    assert_eq!(answers[1], json!({ "jsonrpc": "2.0", "id": 2, "result": "6.0" }));
}

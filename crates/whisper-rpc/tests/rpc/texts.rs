//! Errors that say what to change.

use crate::support::client::Client;
use crate::support::node::{Node, config, request};
use serde_json::{Value, json};
use whisper_pow::{Policy, Rule};
use whisper_protocol::{Config, Sealing, Work, WorkSettings};

/// The answers over all transports.
async fn answers(node: &Node, method: &str, params: Value) -> Vec<Value> {
    let request = request(method, params.clone());
    let mut answers = vec![node.call(method, params).await];
    let over_ws = node.connect().await.ask(request.clone()).await;
    answers.push(serde_json::from_str(&over_ws).unwrap());
    #[cfg(unix)]
    {
        let over_ipc = node.connect_ipc().await.ask(request).await;
        answers.push(serde_json::from_str(&over_ipc).unwrap());
    }
    answers
}

#[tokio::test]
async fn an_unknown_field_is_refused_with_the_name_that_was_meant() {
    let node = Node::start().await;
    let key = node.result("shh_newSymKey", json!([])).await;
    let cases = [
        // This made a filter for all topics.
        ("shh_newMessageFilter", json!({ "symKeyID": key, "topic": "0x07678231" }), "'topics'"),
        ("shh_newMessageFilter", json!({ "symKeyID": key, "Topic": ["0x07678231"] }), "'topics'"),
        ("shh_newMessageFilter", json!({ "symKeyID": key, "topcis": ["0x07678231"] }), "'topics'"),
        ("shh_newMessageFilter", json!({ "symKeyID": key, "topic": null }), "'topics'"),
        ("shh_newMessageFilter", json!({ "symKeyID": key, "minpower": 1 }), "'minPow'"),
        ("shh_newMessageFilter", json!({ "symKey": key }), "'symKeyID'"),
        ("shh_newMessageFilter", json!({ "privateKey": "x" }), "'privateKeyID'"),
        ("shh_newMessageFilter", json!({ "symKeyID": key, "allow_p2p": true }), "'allowP2P'"),
        ("shh_newMessageFilter", json!({ "symKeyID": key, "include": true }), "'includePooled'"),
        ("shh_post", json!({ "symKeyID": key, "topics": ["0x07678231"] }), "'topic'"),
        ("shh_post", json!({ "publicKey": "0x" }), "'pubKey'"),
        ("shh_post", json!({ "symKeyID": key, "pow": 1 }), "'powTime' or 'powTarget'"),
    ];
    for (method, params, meant) in cases {
        for answer in answers(&node, method, json!([params])).await {
            assert_eq!(answer["error"]["code"], -32602, "{params}: {answer}");
            let text = answer["error"]["message"].as_str().unwrap();
            assert!(text.starts_with("invalid argument 0: unknown field '"), "{text}");
            assert!(text.ends_with(&format!("', did you mean {meant}?")), "{params}: {text}");
        }
    }
    let subscribe = json!(["messages", { "symKeyID": key, "topic": "0x07678231" }]);
    let answer = node.connect().await.ask(request("shh_subscribe", subscribe)).await;
    assert!(answer.contains("invalid argument 1: unknown field 'topic', did you mean"), "{answer}");
    let unlike = json!([{ "symKeyID": key, "colour": "red" }]);
    let answer = node.call("shh_newMessageFilter", unlike).await;
    let text = answer["error"]["message"].as_str().unwrap();
    assert!(
        text.contains("'colour', the fields are symKeyID, privateKeyID, sig, minPow"),
        "{text}"
    );
    assert_eq!(node.whisper.info().filters, 0);
}

/// Clients send these: the documented fields of web3.js, and what status-go sends.
#[tokio::test]
async fn all_fields_of_go_ethereum_are_accepted() {
    let node = Node::start().await;
    let key = node.result("shh_newSymKey", json!([])).await;
    let criteria = json!({
        "symKeyID": key, "privateKeyID": "", "sig": "", "minPow": 0.002, "topics": ["0x07678231"],
        "allowP2P": true,
    });
    let message = json!({
        "symKeyID": key, "pubKey": "", "sig": "", "ttl": 10, "topic": "0x07678231",
        "payload": "0x01", "padding": "0x", "powTime": 5, "powTarget": 0.5, "targetPeer": "",
    });
    for answer in answers(&node, "shh_newMessageFilter", json!([criteria])).await {
        assert!(answer["result"].is_string(), "{answer}");
    }
    for answer in answers(&node, "shh_post", json!([message])).await {
        assert!(answer["result"].is_string(), "{answer}");
    }
}

/// The pool of this node counts work under one rule only, so an envelope that is sealed under the other one has too
/// little, and the node rejects it: the rule is not met.
#[tokio::test]
async fn a_rule_that_is_not_met_is_named_with_the_post() {
    let rules = [Rule::EIP_627, Rule::GETH_1_8];
    let work = WorkSettings {
        policy: Policy { accept: vec![rules[0]], ..Policy::default() },
        seal: Sealing::Rules(rules.to_vec()),
        ..WorkSettings::default()
    };
    let settings = Config { work, min_work: Work::new(0.5).unwrap(), ..Config::default() };
    let node = Node::start_from(config(), settings).await;
    let key = node.result("shh_newSymKey", json!([])).await;
    let message = json!({
        "symKeyID": key, "topic": "0x07678231", "powTarget": 0.5, "powTime": 60, "ttl": 50,
    });
    for answer in answers(&node, "shh_post", json!([message])).await {
        let error = &answer["error"];
        assert_eq!(error["code"], -32000, "{answer}");
        let text = "specified pow time was insufficient for the rule geth-1.8; the message was sent to \
                    the peers of the other rules";
        assert_eq!(error["message"], text);
        assert_eq!(error["data"]["unmet"], json!(["geth-1.8"]));
        // The post is found by its hash, and has the one envelope.
        let receipt = node.result("shh_receipt", json!([error["data"]["hash"]])).await;
        assert_eq!((&receipt["state"], &receipt["envelopes"]), (&json!("pending"), &Value::Null));
    }
}

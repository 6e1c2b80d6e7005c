//! Replays exchanges recorded with go-ethereum 1.8.27 against our node.
//!
//! `golden/README.md` says what the files hold. Every file is replayed or listed in [`SKIPPED`]; every difference is
//! listed in [`DIFFERENCES`] with its reason. In objects the order of the fields is compared, too.
#![allow(clippy::unwrap_used, reason = "a test says what broke by panicking")]

mod rpc_replay;
mod rpc_support;

use rpc_replay::{Exchange, Replay, Transport};

/// Answers that are meant to differ: the exchange, our HTTP status, our response, and why.
const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "bad-method-no-underscore",
        body: r#"{"jsonrpc":"2.0","id":80,"error":{"code":-32601,"message":"The method version does not exist/is not available"}}"#,
        why: "an error has its request's id; the name is the one that was called",
    },
    Difference {
        name: "bad-method-two-underscores",
        body: r#"{"jsonrpc":"2.0","id":81,"error":{"code":-32601,"message":"The method shh_key_pair does not exist/is not available"}}"#,
        why: "an error has its request's id; the name is the one that was called",
    },
    Difference {
        name: "bad-id-object",
        body: r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request id"}}"#,
        why: "readable JSON that is no request is -32600; an id that cannot be read is null",
    },
    Difference {
        name: "bad-id-bool",
        body: r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request id"}}"#,
        why: "readable JSON that is no request is -32600; an id that cannot be read is null",
    },
    Difference {
        name: "id-float",
        body: r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request id"}}"#,
        why: "a number as an id should have no fraction; we take none that has",
    },
    Difference {
        name: "jsonrpc-missing",
        body: r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"Invalid request"}}"#,
        why: "the version must be 2.0",
    },
    Difference {
        name: "jsonrpc-1.0",
        body: r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"Invalid request"}}"#,
        why: "the version must be 2.0",
    },
    Difference {
        name: "bad-json",
        body: r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#,
        why: "unreadable JSON is -32700",
    },
    Difference {
        name: "bad-json-string",
        body: r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#,
        why: "an error has an id, null where there is none",
    },
    Difference {
        name: "bad-empty-body",
        body: r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#,
        why: "nothing is no JSON",
    },
    Difference {
        name: "bad-batch-empty",
        body: r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid request"}}"#,
        why: "an empty batch is an invalid request",
    },
    Difference {
        name: "bad-batch-entry-without-id",
        body: r#"[{"jsonrpc":"2.0","id":2,"result":"6.0"}]"#,
        why: "a call without id is a notification, carried out and not answered",
    },
    Difference {
        name: "ws-bad-subscribe-nothing",
        body: r#"{"jsonrpc":"2.0","id":177,"error":{"code":-32602,"message":"missing value for required argument 0"}}"#,
        why: "the method exists, its argument is missing",
    },
    Difference {
        name: "ws-bad-json",
        body: r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#,
        why: "unreadable JSON is -32700, and no reason to hang up",
    },
];

/// Exchanges that are not replayed: the beginning of their names, and why.
const SKIPPED: &[(&str, &str)] = &[
    ("ipc-", "IPC is not served yet"),
    ("ws-admin-subscribe", "peer events are not served yet"),
    ("ws-admin-unsubscribe", "peer events are not served yet"),
];

struct Difference {
    name: &'static str,
    body: &'static str,
    #[expect(dead_code, reason = "for the reader; RPC.md tells the users")]
    why: &'static str,
}

fn is_skipped(exchange: &Exchange) -> bool {
    SKIPPED.iter().any(|(start, _)| exchange.name.starts_with(start))
}

#[tokio::test]
async fn the_node_answers_as_go_ethereum_does() {
    let mut exchanges = Exchange::all();
    exchanges.retain(|exchange| !is_skipped(exchange));
    let mut replay = Replay::start().await;
    let mut faults = Vec::new();
    for exchange in &exchanges {
        let difference = DIFFERENCES.iter().find(|difference| difference.name == exchange.name);
        let expected = difference.map(|difference| difference.body);
        if let Err(fault) = replay.step(exchange, expected).await {
            faults.push(format!("{} ({}): {fault}", exchange.name, exchange.order));
        }
    }
    replay.stop().await;
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), exchanges.len(), faults.join("\n"));
}

#[test]
fn every_recorded_exchange_is_accounted_for() {
    let exchanges = Exchange::all();
    assert_eq!(exchanges.len(), 182, "as many as were recorded");
    for (start, _) in SKIPPED {
        assert!(exchanges.iter().any(|exchange| exchange.name.starts_with(start)), "{start}");
    }
    for difference in DIFFERENCES {
        let exchange = exchanges.iter().find(|exchange| exchange.name == difference.name);
        assert!(exchange.is_some_and(|exchange| !is_skipped(exchange)), "{}", difference.name);
    }
    let replayed = exchanges.iter().filter(|exchange| !is_skipped(exchange));
    assert!(replayed.clone().all(|exchange| exchange.transport != Transport::Ipc));
    assert_eq!(replayed.count(), 165);
}

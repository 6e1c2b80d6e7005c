//! JSON-RPC requests, and the stream of requests over IPC.

use std::collections::BTreeMap;

use serde_json::{Deserializer, Value, value::RawValue};
use tokio::runtime::Builder;
use whisper_protocol::{Config, Whisper};
use whisper_rpc::fuzzing::{OfflineRpc, split};
use whisper_rpc::{AuditChain, AuditEvent};

/// The input is a request. The answer is one response, or one for each call of a batch, each with a result or an error.
/// Only notifications have no answer.
pub fn rpc_request(data: &[u8]) {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("a runtime: {error}"));
    let _inside = runtime.enter();
    let whisper = Whisper::new(Config::default());
    let rpc = OfflineRpc::new(whisper).expect("each method has its own name");
    let Some(answer) = rpc.answer(data) else {
        let calls = match serde_json::from_slice::<Vec<&RawValue>>(data) {
            Ok(batch) => batch,
            Err(_) => serde_json::from_slice(data).map(|call| vec![call]).unwrap_or_else(|error| {
                panic!("no answer to invalid JSON ({error})");
            }),
        };
        for call in calls {
            assert!(is_notification(call.get()), "no answer to a call: {call}");
        }
        return;
    };
    let answer: Value = serde_json::from_str(&answer)
        .unwrap_or_else(|error| panic!("the answer is invalid JSON ({error}): {answer}"));
    match &answer {
        Value::Array(responses) => {
            assert!(!responses.is_empty(), "an empty list of responses");
            responses.iter().for_each(check);
        }
        response => check(response),
    }
}

/// Whether the text is an object without an id. Its values may contain what `Value` does not accept, such as half of a
/// surrogate pair.
fn is_notification(call: &str) -> bool {
    let fields = serde_json::from_str::<BTreeMap<String, &RawValue>>(call);
    fields.is_ok_and(|fields| !fields.contains_key("id"))
}

fn check(response: &Value) {
    assert_eq!(response["jsonrpc"], "2.0", "{response}");
    assert!(response.get("id").is_some(), "{response}");
    let error = response.get("error");
    assert!(error.is_some() != response.get("result").is_some(), "{response}");
    if let Some(error) = error {
        assert!(error["code"].is_i64() && error["message"].is_string(), "{response}");
    }
}

/// Maximum length of a value in the stream, in bytes.
const MAX_VALUE_BYTES: u32 = 256;

/// The input is a byte with the length of the pieces, and a stream. The stream is split into the same values in any
/// pieces, no value is longer than the limit, and valid JSON is split as by a JSON parser.
pub fn rpc_values(data: &[u8]) {
    let Some((&piece, stream)) = data.split_first() else { return };
    let whole = split(MAX_VALUE_BYTES, [stream]);
    let pieces = split(MAX_VALUE_BYTES, stream.chunks(usize::from(piece).max(1)));
    assert_eq!(whole, pieces);
    let limit = usize::try_from(MAX_VALUE_BYTES).unwrap_or(usize::MAX);
    for value in &whole.0 {
        assert!(value.len() <= limit && matches!(value[0], b'{' | b'['), "{value:02x?}");
    }
    let parsed = Deserializer::from_slice(stream).into_iter::<&RawValue>();
    for (value, cut) in parsed.map_while(Result::ok).zip(&whole.0) {
        assert_eq!(value.get().as_bytes(), cut.as_slice());
    }
}

/// The input is an audit log. It is read line by line; a log that is whole can be continued, and is whole again.
pub fn audit_log(data: &[u8]) {
    let mut chain = AuditChain::default();
    let mut last = None;
    for line in data.split(|byte| *byte == b'\n') {
        let before = chain.clone();
        match chain.follow(line) {
            Ok(()) => last = Some(line),
            Err(_) => {
                assert_eq!(chain, before, "a wrong line changes nothing");
                break;
            }
        }
    }
    if let Some(line) = last {
        assert_eq!(AuditChain::after(line).as_ref(), Ok(&chain));
    }
    let mut other = chain.clone();
    let next = other.append(0, &AuditEvent::Lost { count: 1 });
    assert_eq!(chain.follow(next.as_bytes()), Ok(()));
    assert_eq!(chain, other);
}

//! `trace/1`: what is decoded, encoded again, decodes to the same value.

use whisper_protocol::trace_1::TraceMessage;

/// The input is a message code and a payload.
pub fn trace_message(data: &[u8]) {
    let Some((&code, payload)) = data.split_first() else { return };
    let Ok(message) = TraceMessage::decode(u64::from(code % 9), payload) else { return };
    let (code, written) = message.encode();
    assert_eq!(TraceMessage::decode(code, &written), Ok(message), "written as {written:02x?}");
}

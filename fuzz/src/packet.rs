//! The packets beyond EIP-627: a decoded packet, encoded again, decodes to the same value.

mod archive;
mod file;
mod lazy;
mod trace;

use core::fmt::Debug;

use bytes::Bytes;
use whisper_protocol::{
    Dialect,
    packet::{
        Ack, Completion, PacketError, Query, QueryForm, Rates, Request, Response, SyncRequest,
        SyncResponse,
    },
};

pub use archive::{archive_message, history_cursor, state_record};
pub use file::file_message;
pub use lazy::lazy_message;
pub use trace::trace_message;

/// The input is a byte that selects the kind of packet, and its body.
pub fn packet(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    let body = Bytes::copy_from_slice(body);
    match which % 10 {
        0 => round_trip(&body, |body| Ack::decode(body), Ack::encode),
        1 => round_trip(&body, |body| Response::decode(body), Response::encode),
        2 => round_trip(&body, |body| Rates::decode(body), Rates::encode),
        3 => round_trip(&body, |body| SyncRequest::decode(body), SyncRequest::encode),
        4 => round_trip(&body, SyncResponse::decode, SyncResponse::encode),
        5 => round_trip(&body, |body| Completion::decode(body), Completion::encode),
        6 => round_trip(&body, |body| Request::decode(Dialect::V6, body), Request::encode),
        7 => round_trip(&body, |body| Request::decode(Dialect::V5, body), Request::encode),
        8 => query(&body),
        _ => envelopes(&body),
    }
}

fn round_trip<P: PartialEq + Debug>(
    body: &Bytes,
    decode: impl Fn(&Bytes) -> Result<P, PacketError>,
    encode: impl Fn(&P) -> Bytes,
) {
    let Ok(packet) = decode(body) else { return };
    let written = encode(&packet);
    assert_eq!(decode(&written), Ok(packet), "written as {written:02x?}");
}

/// The message in a sealed request: the form with all fields loses nothing, and the others can be read.
fn query(body: &[u8]) {
    let Ok(query) = Query::decode(body) else { return };
    let written = query.encode(QueryForm::SevenFields);
    assert_eq!(Query::decode(&written), Ok(query.clone()), "written as {written:02x?}");
    for form in [QueryForm::Binary, QueryForm::SixFields, QueryForm::TopicsLast] {
        if form == QueryForm::Binary && query.from >= 0xc000_0000 {
            continue; // After 2071 it looks like a list.
        }
        let read = Query::decode(&query.encode(form)).expect("every form can be read");
        assert_eq!(read.limit, query.limit, "{form:?}");
    }
}

/// The envelopes in an answer to a mail server; reading stops at a malformed one.
fn envelopes(body: &Bytes) {
    let Ok(answer) = SyncResponse::decode(body) else { return };
    let read: Vec<_> = answer.envelopes().collect();
    let good: Vec<_> = read.iter().map_while(|envelope| envelope.clone().ok()).collect();
    assert!(read.len() <= good.len() + 1, "an envelope after a malformed one");
    let written = SyncResponse::new(&good, answer.cursor.clone(), answer.is_final, &answer.error);
    assert_eq!(written == answer, read.len() == good.len());
}

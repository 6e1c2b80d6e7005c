//! The packets beyond EIP-627: their decoders are total, and what they read is written so that they read it again.

use core::fmt::Debug;

use bytes::Bytes;
use whisper_protocol::{
    Dialect,
    packet::{Ack, Completion, PacketError, Rates, Request, Response, SyncRequest, SyncResponse},
};

/// The input is a byte that says which packet, and its body.
pub fn packet(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    let body = Bytes::copy_from_slice(body);
    match which % 9 {
        0 => again(&body, |body| Ack::decode(body), Ack::encode),
        1 => again(&body, |body| Response::decode(body), Response::encode),
        2 => again(&body, |body| Rates::decode(body), Rates::encode),
        3 => again(&body, |body| SyncRequest::decode(body), SyncRequest::encode),
        4 => again(&body, SyncResponse::decode, SyncResponse::encode),
        5 => again(&body, |body| Completion::decode(body), Completion::encode),
        6 => again(&body, |body| Request::decode(Dialect::V6, body), Request::encode),
        7 => again(&body, |body| Request::decode(Dialect::V5, body), Request::encode),
        _ => envelopes(&body),
    }
}

fn again<P: PartialEq + Debug>(
    body: &Bytes,
    decode: impl Fn(&Bytes) -> Result<P, PacketError>,
    encode: impl Fn(&P) -> Bytes,
) {
    let Ok(packet) = decode(body) else { return };
    let written = encode(&packet);
    assert_eq!(decode(&written), Ok(packet), "written as {written:02x?}");
}

/// Those in an answer to a mail server: as many as there are, and none after a malformed one.
fn envelopes(body: &Bytes) {
    let Ok(answer) = SyncResponse::decode(body) else { return };
    let read: Vec<_> = answer.envelopes().collect();
    let good: Vec<_> = read.iter().map_while(|envelope| envelope.clone().ok()).collect();
    assert!(read.len() <= good.len() + 1, "it went on after a malformed envelope");
    let written = SyncResponse::new(&good, answer.cursor.clone(), answer.is_final, &answer.error);
    assert_eq!(written == answer, read.len() == good.len());
}

//! The messages of a service: a list of an id and a value, or of a value alone.

use bytes::Bytes;
use rlp_codec::{Decodable, Encodable, decode, decode_list, encode_list};

use crate::{DecodeError, MAX_MESSAGE, Message};

/// Number of message codes.
pub(super) const LENGTH: u64 = 4;

/// `[id, request]`
pub(super) const REQUEST: u64 = 0;
/// `[id, response]`
const RESPONSE: u64 = 1;
/// `[id, text]`: why there is no response.
const FAILURE: u64 = 2;
/// `[request]`: a request without a response.
pub(super) const NOTICE: u64 = 3;

/// Maximum number of characters of the text of a failure.
const MAX_TEXT_CHARS: usize = 256;

/// A decoded message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<Q, A> {
    /// A request, with its id if a response is expected.
    Request(Option<u64>, Q),
    /// The response to a request, or the reason why there is none.
    Response(u64, Result<A, String>),
}

pub(super) fn request(id: u64, request: &impl Encodable) -> Bytes {
    list(&[&id, request])
}

pub(super) fn notice(request: &impl Encodable) -> Bytes {
    list(&[request])
}

/// Code and payload of a response.
pub(super) fn response<A: Encodable>(id: u64, response: Result<A, String>) -> (u64, Bytes) {
    let failure = |text: &str| {
        let text: String = text.chars().take(MAX_TEXT_CHARS).collect();
        (FAILURE, list(&[&id, &text]))
    };
    match response {
        Ok(response) => match list(&[&id, &response]) {
            payload if payload.len() > MAX_MESSAGE => failure("the response is too large"),
            payload => (RESPONSE, payload),
        },
        Err(text) => failure(&text),
    }
}

fn list(items: &[&dyn Encodable]) -> Bytes {
    let mut out = Vec::new();
    encode_list(&mut out, items);
    out.into()
}

/// Decodes a message of the peer.
pub(super) fn decode_frame<Q: Decodable, A: Decodable>(
    message: &Message,
) -> Result<Frame<Q, A>, DecodeError> {
    let code = message.code;
    decode_list(&message.payload, |list| match code {
        REQUEST => Ok(Frame::Request(Some(list.uint()?), decode(list.raw()?)?)),
        RESPONSE => Ok(Frame::Response(list.uint()?, Ok(decode(list.raw()?)?))),
        FAILURE => Ok(Frame::Response(list.uint()?, Err(list.str()?.to_owned()))),
        NOTICE => Ok(Frame::Request(None, decode(list.raw()?)?)),
        code => Err(DecodeError::UnknownCode(code)),
    })
}

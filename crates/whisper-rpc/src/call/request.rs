//! From the bytes of a request to the calls in it.
//!
//! Nothing recurses, and nothing is copied: however deep it is nested, a request costs about what its bytes do.

use std::borrow::Cow;

use jsonrpsee::types::error::{
    ErrorCode, INVALID_REQUEST_CODE, reject_too_big_batch_request, reject_too_big_request,
};
use jsonrpsee::types::{ErrorObject, Id, InvalidRequest, Notification, Request};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::call::request_id;

/// A notification, its parameters unread.
type Note<'a> = Notification<'a, Option<Cow<'a, RawValue>>>;

/// What a request asks.
#[derive(Debug)]
pub(crate) enum Asked<'a> {
    /// One call.
    One(Entry<'a>),
    /// A list of calls, not empty.
    Batch(Vec<Entry<'a>>),
}

/// One call, or what stands in its place.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    /// A call that wants an answer.
    Call(Request<'a>),
    /// A call without id, which wants none: its method and parameters.
    Notification(Cow<'a, str>, Option<Cow<'a, RawValue>>),
    /// JSON that is no call; its id, if it has one.
    Invalid(Id<'a>),
}

/// Why nothing of a request is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No JSON, or none that is an object or a list.
    Unreadable,
    /// An id that is none, or more than one.
    Id,
    /// A list of no calls.
    NoCalls,
    /// A list of more calls than are allowed.
    TooManyCalls { limit: u32 },
    /// More bytes than are allowed.
    TooLarge { limit: u32 },
}

impl From<Fault> for ErrorObject<'static> {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreadable => ErrorCode::ParseError.into(),
            Fault::Id => Self::borrowed(INVALID_REQUEST_CODE, "invalid request id", None),
            Fault::NoCalls => ErrorCode::InvalidRequest.into(),
            Fault::TooManyCalls { limit } => {
                reject_too_big_batch_request(usize::try_from(limit).unwrap_or(usize::MAX))
            }
            Fault::TooLarge { limit } => reject_too_big_request(limit),
        }
    }
}

/// Reads a request of at most `batch` calls. Its length is for whoever received it to bound.
pub(crate) fn parse(bytes: &[u8], batch: u32) -> Result<Asked<'_>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Unreadable)?.trim_ascii_start();
    match text.as_bytes().first() {
        Some(b'{') => entry(text).map(Asked::One),
        Some(b'[') => {
            let calls: Vec<&RawValue> =
                serde_json::from_str(text).map_err(|_| Fault::Unreadable)?;
            if calls.len() > usize::try_from(batch).unwrap_or(usize::MAX) {
                return Err(Fault::TooManyCalls { limit: batch });
            }
            match calls.is_empty() {
                true => Err(Fault::NoCalls),
                false => calls
                    .into_iter()
                    .map(|call| entry(call.get()))
                    .collect::<Result<_, _>>()
                    .map(Asked::Batch),
            }
        }
        _ => Err(Fault::Unreadable),
    }
}

fn entry(text: &str) -> Result<Entry<'_>, Fault> {
    if !text.starts_with('{') {
        return Ok(Entry::Invalid(Id::Null));
    }
    if let Ok(call) = serde_json::from_str(text) {
        return Ok(Entry::Call(call));
    }
    if !request_id::is_sound(text) {
        return Err(Fault::Id);
    }
    if let Ok(Note { method, params, .. }) = serde_json::from_str(text) {
        return Ok(Entry::Notification(method, params));
    }
    match serde_json::from_str::<InvalidRequest<'_>>(text) {
        Ok(InvalidRequest { id }) => Ok(Entry::Invalid(id)),
        Err(_) if serde_json::from_str::<IgnoredAny>(text).is_ok() => Ok(Entry::Invalid(Id::Null)),
        Err(_) => Err(Fault::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Option<Fault> {
        parse(text.as_bytes(), 3).err()
    }

    #[test]
    fn a_call_needs_its_id_and_a_notification_has_none() {
        let call = br#" {"jsonrpc":"2.0","id":"a","method":"m","params":[1]}"#;
        let Ok(Asked::One(Entry::Call(call))) = parse(call, 3) else { panic!() };
        assert_eq!((call.id, &*call.method), (Id::Str("a".into()), "m"));
        let note = br#"{"jsonrpc":"2.0","method":"m"}"#;
        assert!(
            matches!(parse(note, 3), Ok(Asked::One(Entry::Notification(method, None))) if method == "m")
        );
    }

    #[test]
    fn an_id_that_is_none_is_a_fault_of_the_whole_request() {
        for id in ["true", "{}", "[]", "1.5", "-1", "18446744073709551616", "1,\"id\":2"] {
            let call = format!(r#"{{"jsonrpc":"2.0","method":"m","id":{id}}}"#);
            assert_eq!(fault(&call), Some(Fault::Id), "{id}");
            assert_eq!(fault(&format!("[{{\"id\":1}},{call}]")), Some(Fault::Id), "{id}");
        }
    }

    #[test]
    fn what_is_no_json_is_unreadable_and_what_is_no_call_is_invalid() {
        for text in ["", " ", "{", "[", "[1,", "\"hello\"", "5", "null", "{\"id\":}", "{}x", "[{]"]
        {
            assert_eq!(fault(text), Some(Fault::Unreadable), "{text}");
        }
        assert_eq!(parse(b"{\"id\":\"\xff\"}", 3).err(), Some(Fault::Unreadable));
        for text in ["{}", r#"{"jsonrpc":"2.0"}"#, r#"{"method":"m"}"#] {
            assert!(
                matches!(parse(text.as_bytes(), 3), Ok(Asked::One(Entry::Invalid(Id::Null)))),
                "{text}"
            );
        }
        let named = parse(br#"{"id":7,"method":"m"}"#, 3);
        assert!(matches!(named, Ok(Asked::One(Entry::Invalid(Id::Number(7))))));
    }

    #[test]
    fn a_batch_has_some_calls_and_not_too_many() {
        assert_eq!(fault("[]"), Some(Fault::NoCalls));
        assert_eq!(fault("[1,2,3,4]"), Some(Fault::TooManyCalls { limit: 3 }));
        assert!(matches!(parse(b"[1,[],{}]", 3), Ok(Asked::Batch(calls)) if calls.len() == 3));
    }
}

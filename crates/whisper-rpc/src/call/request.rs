//! Parses the bytes of a request into calls.
//!
//! There is no recursion and nothing is copied, so deep nesting does not make a request more expensive.

use std::borrow::Cow;

use jsonrpsee::types::error::{
    ErrorCode, INVALID_REQUEST_CODE, reject_too_big_batch_request, reject_too_big_request,
};
use jsonrpsee::types::{ErrorObject, Id, InvalidRequest, Notification, Request};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::call::request_id;

/// A notification whose parameters are not read yet.
type RawNotification<'a> = Notification<'a, Option<Cow<'a, RawValue>>>;

/// A parsed request.
#[derive(Debug)]
pub(crate) enum ParsedRequest<'a> {
    /// One call.
    Single(RequestItem<'a>),
    /// A list of at least one call.
    Batch(Vec<RequestItem<'a>>),
}

/// One item of a request.
#[derive(Debug)]
pub(crate) enum RequestItem<'a> {
    /// A call with an id, which is answered.
    Call(Request<'a>),
    /// A call without an id, which is not answered: its method and parameters.
    Notification(Cow<'a, str>, Option<Cow<'a, RawValue>>),
    /// JSON that is not a call: its id, or null.
    Invalid(Id<'a>),
}

/// Why a request is not carried out at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestError {
    /// Not JSON, or neither an object nor a list.
    Unreadable,
    /// An invalid id, or two ids.
    Id,
    /// An empty list.
    NoCalls,
    /// A list with too many calls.
    TooManyCalls { limit: u32 },
    /// Too many bytes.
    TooLarge { limit: u32 },
}

impl From<RequestError> for ErrorObject<'static> {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Unreadable => ErrorCode::ParseError.into(),
            RequestError::Id => Self::borrowed(INVALID_REQUEST_CODE, "invalid request id", None),
            RequestError::NoCalls => ErrorCode::InvalidRequest.into(),
            RequestError::TooManyCalls { limit } => {
                reject_too_big_batch_request(usize::try_from(limit).unwrap_or(usize::MAX))
            }
            RequestError::TooLarge { limit } => reject_too_big_request(limit),
        }
    }
}

/// Parses a request of at most `batch` calls. The transport bounds its length.
pub(crate) fn parse(bytes: &[u8], batch: u32) -> Result<ParsedRequest<'_>, RequestError> {
    let text = std::str::from_utf8(bytes).map_err(|_| RequestError::Unreadable)?.trim_ascii_start();
    match text.as_bytes().first() {
        Some(b'{') => item(text).map(ParsedRequest::Single),
        Some(b'[') => {
            let calls: Vec<&RawValue> =
                serde_json::from_str(text).map_err(|_| RequestError::Unreadable)?;
            if calls.len() > usize::try_from(batch).unwrap_or(usize::MAX) {
                return Err(RequestError::TooManyCalls { limit: batch });
            }
            match calls.is_empty() {
                true => Err(RequestError::NoCalls),
                false => calls
                    .into_iter()
                    .map(|call| item(call.get()))
                    .collect::<Result<_, _>>()
                    .map(ParsedRequest::Batch),
            }
        }
        _ => Err(RequestError::Unreadable),
    }
}

fn item(text: &str) -> Result<RequestItem<'_>, RequestError> {
    if !text.starts_with('{') {
        return Ok(RequestItem::Invalid(Id::Null));
    }
    if let Ok(call) = serde_json::from_str(text) {
        return Ok(RequestItem::Call(call));
    }
    if !request_id::is_valid(text) {
        return Err(RequestError::Id);
    }
    if let Ok(RawNotification { method, params, .. }) = serde_json::from_str(text) {
        return Ok(RequestItem::Notification(method, params));
    }
    match serde_json::from_str::<InvalidRequest<'_>>(text) {
        Ok(InvalidRequest { id }) => Ok(RequestItem::Invalid(id)),
        Err(_) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            Ok(RequestItem::Invalid(Id::Null))
        }
        Err(_) => Err(RequestError::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> Option<RequestError> {
        parse(text.as_bytes(), 3).err()
    }

    #[test]
    fn a_call_has_an_id_and_a_notification_has_none() {
        let call = br#" {"jsonrpc":"2.0","id":"a","method":"m","params":[1]}"#;
        let Ok(ParsedRequest::Single(RequestItem::Call(call))) = parse(call, 3) else { panic!() };
        assert_eq!((call.id, &*call.method), (Id::Str("a".into()), "m"));
        let note = br#"{"jsonrpc":"2.0","method":"m"}"#;
        assert!(
            matches!(parse(note, 3), Ok(ParsedRequest::Single(RequestItem::Notification(method, None))) if method == "m")
        );
    }

    #[test]
    fn an_invalid_id_is_an_error_of_the_whole_request() {
        for id in ["true", "{}", "[]", "1.5", "-1", "18446744073709551616", "1,\"id\":2"] {
            let call = format!(r#"{{"jsonrpc":"2.0","method":"m","id":{id}}}"#);
            assert_eq!(error_of(&call), Some(RequestError::Id), "{id}");
            assert_eq!(error_of(&format!("[{{\"id\":1}},{call}]")), Some(RequestError::Id), "{id}");
        }
    }

    #[test]
    fn invalid_json_is_unreadable_and_other_json_is_an_invalid_call() {
        for text in ["", " ", "{", "[", "[1,", "\"hello\"", "5", "null", "{\"id\":}", "{}x", "[{]"]
        {
            assert_eq!(error_of(text), Some(RequestError::Unreadable), "{text}");
        }
        assert_eq!(parse(b"{\"id\":\"\xff\"}", 3).err(), Some(RequestError::Unreadable));
        for text in ["{}", r#"{"jsonrpc":"2.0"}"#, r#"{"method":"m"}"#] {
            assert!(
                matches!(
                    parse(text.as_bytes(), 3),
                    Ok(ParsedRequest::Single(RequestItem::Invalid(Id::Null)))
                ),
                "{text}"
            );
        }
        let named = parse(br#"{"id":7,"method":"m"}"#, 3);
        assert!(matches!(named, Ok(ParsedRequest::Single(RequestItem::Invalid(Id::Number(7))))));
    }

    #[test]
    fn an_empty_or_too_long_batch_is_an_error() {
        assert_eq!(error_of("[]"), Some(RequestError::NoCalls));
        assert_eq!(error_of("[1,2,3,4]"), Some(RequestError::TooManyCalls { limit: 3 }));
        assert!(
            matches!(parse(b"[1,[],{}]", 3), Ok(ParsedRequest::Batch(calls)) if calls.len() == 3)
        );
    }
}

//! A look at the ids of an HTTP request before it is carried out.
//!
//! `jsonrpsee` takes a call whose id it cannot read (`true`, `{}`, `1.5`, two of them) for a notification. The call
//! would be carried out and its client would wait for an answer forever. Such requests are refused here, whole.

use std::fmt;

use jsonrpsee::server::{HttpResponse, http::response};
use jsonrpsee::types::error::{ErrorCode, INVALID_REQUEST_CODE};
use jsonrpsee::types::{ErrorObject, Id, Response, ResponsePayload};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Why a request is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// JSON is UTF-8.
    NotUtf8,
    /// An id that is none, or more than one.
    Id,
}

impl Fault {
    /// The answer. It has no id but null.
    pub(super) fn response(self) -> HttpResponse {
        let error = match self {
            Self::NotUtf8 => ErrorObject::from(ErrorCode::ParseError),
            Self::Id => ErrorObject::borrowed(INVALID_REQUEST_CODE, "invalid request id", None),
        };
        let answer = Response::<()>::new(ResponsePayload::error_borrowed(error), Id::Null);
        response::ok_response(answer.to_string())
    }
}

/// Checks the id of a call, or of every call of a batch. What is not JSON is left to the server behind.
pub(super) fn check(body: &[u8]) -> Result<(), Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::NotUtf8)?;
    let sound = match text.trim_start().starts_with('[') {
        true => serde_json::from_str::<Vec<&RawValue>>(text)
            .map_or(true, |calls| calls.into_iter().all(|call| is_sound(call.get()))),
        false => is_sound(text),
    };
    if sound { Ok(()) } else { Err(Fault::Id) }
}

fn is_sound(call: &str) -> bool {
    serde_json::from_str::<Ids<'_>>(call).map_or(true, |ids| match (ids.count, ids.last) {
        (0, _) => true,
        (1, Some(id)) => serde_json::from_str::<Id<'_>>(id.get()).is_ok(),
        _ => false,
    })
}

/// The fields `id` of an object.
struct Ids<'a> {
    count: usize,
    last: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Ids<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(IdVisitor)
    }
}

struct IdVisitor;

impl<'de> Visitor<'de> for IdVisitor {
    type Value = Ids<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut call: A) -> Result<Ids<'de>, A::Error> {
        let mut ids = Ids { count: 0, last: None };
        while let Some(name) = call.next_key::<String>()? {
            if name == "id" {
                ids.count += 1;
                ids.last = Some(call.next_value()?);
            } else {
                call.next_value::<IgnoredAny>()?;
            }
        }
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_whole_numbers_null_and_absence_are_sound() {
        for id in
            ["\"id\":1", "\"id\":\"a\"", "\"id\":null", "\"x\":0", "\"id\":18446744073709551615"]
        {
            assert_eq!(check(format!("{{{id}}}").as_bytes()), Ok(()), "{id}");
        }
    }

    #[test]
    fn anything_else_is_a_fault() {
        for id in ["true", "{}", "[]", "1.5", "-1", "18446744073709551616", "1,\"id\":2"] {
            assert_eq!(check(format!("{{\"id\":{id}}}").as_bytes()), Err(Fault::Id), "{id}");
            assert_eq!(check(format!("[{{\"id\":1}},{{\"id\":{id}}}]").as_bytes()), Err(Fault::Id));
        }
        assert_eq!(check(b"{\"id\":\"\xff\"}"), Err(Fault::NotUtf8));
    }

    #[test]
    fn what_is_no_json_is_left_to_the_parser() {
        for text in ["", "{", "[", "[1,", "\"hello\"", "{\"id\":}"] {
            assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
        }
    }
}

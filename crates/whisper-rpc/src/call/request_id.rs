//! Checks the id of a call.
//!
//! The parser first tries to read a call with an id, then one without. A call whose id is invalid (`true`, `{}`, `1.5`,
//! or given twice) would therefore be read as a notification: it would be carried out, and its client would wait for an
//! answer that does not come.

use std::fmt;

use jsonrpsee::types::Id;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Whether an object has no id or a valid one. True for anything that is not an object; the parser reports that.
pub(crate) fn is_valid(call: &str) -> bool {
    serde_json::from_str::<Ids<'_>>(call).map_or(true, |ids| match (ids.count, ids.last) {
        (0, _) => true,
        (1, Some(id)) => serde_json::from_str::<Id<'_>>(id.get()).is_ok(),
        _ => false,
    })
}

/// The `id` fields of an object.
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
    fn strings_whole_numbers_null_and_absence_are_valid() {
        for id in
            ["\"id\":1", "\"id\":\"a\"", "\"id\":null", "\"x\":0", "\"id\":18446744073709551615"]
        {
            assert!(is_valid(&format!("{{{id}}}")), "{id}");
        }
    }

    #[test]
    fn other_values_are_invalid() {
        for id in ["true", "{}", "[]", "1.5", "-1", "18446744073709551616", "1,\"id\":2"] {
            assert!(!is_valid(&format!("{{\"id\":{id}}}")), "{id}");
        }
    }

    #[test]
    fn invalid_json_is_not_reported_here() {
        for text in ["", "{", "[", "[1,", "\"hello\"", "{\"id\":}"] {
            assert!(is_valid(text), "{text}");
        }
    }
}

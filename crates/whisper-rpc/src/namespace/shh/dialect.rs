//! A dialect in the JSON of messages and criteria: 5 or 6.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Serializer;
use serde_json::value::RawValue;
use whisper_envelope::Dialect;

use crate::call::json::{FromJson, Unfit, number};

/// Writes the number.
pub(super) fn serialize<S: Serializer>(dialect: &Dialect, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(dialect.version())
}

/// What it looks like.
pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "enum": [5, 6] })
}

impl FromJson for Dialect {
    fn from_json(json: &RawValue) -> Result<Self, Unfit> {
        const WANT: &str = "5 or 6";
        match number::<u64>(json, WANT)? {
            5 => Ok(Self::V5),
            6 => Ok(Self::V6),
            other => Err(Unfit::Number { want: WANT, got: other.to_string() }),
        }
    }
}

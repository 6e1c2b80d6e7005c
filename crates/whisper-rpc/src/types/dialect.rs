//! A dialect in JSON: the number 5 or 6.

#[cfg(feature = "server")]
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Serializer;
use whisper_envelope::Dialect;

/// Writes the number.
pub(super) fn serialize<S: Serializer>(dialect: &Dialect, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(dialect.version())
}

/// The JSON Schema.
#[cfg(feature = "server")]
pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "enum": [5, 6] })
}

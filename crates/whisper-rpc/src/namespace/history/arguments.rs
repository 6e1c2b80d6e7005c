//! Reads the arguments of the namespace.

use serde_json::value::RawValue;
use whisper_envelope::Topic;

use crate::call::json::{Fields, FromJson, ValueError};
use crate::types::history::{HistoryCriteria, MessagesRequest, RetryConfig};

const CRITERIA_FIELDS: &[&str] = &[
    "filter",
    "symKeyID",
    "privateKeyID",
    "topics",
    "bloom",
    "hashes",
    "from",
    "to",
    "cursor",
    "limit",
    "nodes",
    "archiveKeyID",
];

/// The fields of status-go.
const REQUEST_FIELDS: &[&str] = &[
    "mailServerPeer",
    "from",
    "to",
    "limit",
    "cursor",
    "topic",
    "topics",
    "symKeyID",
    "timeout",
    "force",
];

/// The fields of status-go's type of this name.
const RETRY_FIELDS: &[&str] = &["BaseTimeout", "StepTimeout", "MaxRetries"];

impl FromJson for HistoryCriteria {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        let fields = Fields::of(json, CRITERIA_FIELDS)?;
        Ok(Self {
            filter: fields.or_default("filter")?,
            sym_key_id: fields.or_default("symKeyID")?,
            private_key_id: fields.or_default("privateKeyID")?,
            topics: fields.or_default("topics")?,
            bloom: fields.or_default("bloom")?,
            hashes: fields.or_default("hashes")?,
            from: fields.or_default("from")?,
            to: fields.or_default("to")?,
            cursor: fields.or_default("cursor")?,
            limit: fields.or_default("limit")?,
            nodes: fields.or_default("nodes")?,
            archive_key_id: fields.or_default("archiveKeyID")?,
        })
    }
}

impl FromJson for MessagesRequest {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        let fields = Fields::of(json, REQUEST_FIELDS)?;
        Ok(Self {
            mail_server_peer: fields.or_default("mailServerPeer")?,
            from: fields.or_default("from")?,
            to: fields.or_default("to")?,
            limit: fields.or_default("limit")?,
            cursor: fields.or_default("cursor")?,
            topic: fields.get("topic")?.unwrap_or(Topic([0; 4])),
            topics: fields.or_default("topics")?,
            sym_key_id: fields.or_default("symKeyID")?,
            timeout: fields.or_default("timeout")?,
            force: fields.or_default("force")?,
        })
    }
}

impl FromJson for RetryConfig {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        let fields = Fields::of(json, RETRY_FIELDS)?;
        Ok(Self {
            base_timeout: fields.or_default("BaseTimeout")?,
            step_timeout: fields.or_default("StepTimeout")?,
            max_retries: fields.or_default("MaxRetries")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, schema_for};

    use super::*;

    #[test]
    fn exactly_the_described_fields_are_read() {
        fn check<T: FromJson + JsonSchema>(known: &[&str]) {
            let schema = schema_for!(T);
            let mut known = known.to_vec();
            known.sort_unstable();
            let described = schema.get("properties").unwrap().as_object().unwrap().keys();
            assert!(described.eq(known.iter()), "{known:?}");
            for name in known {
                // An object is wrong for every field.
                let json = format!("{{\"{name}\":{{}}}}");
                let error = T::from_json(serde_json::from_str(&json).unwrap()).err().unwrap();
                assert!(error.to_string().starts_with(&format!("{name}: want ")), "{error}");
            }
        }
        check::<HistoryCriteria>(CRITERIA_FIELDS);
        check::<MessagesRequest>(REQUEST_FIELDS);
        check::<RetryConfig>(RETRY_FIELDS);
    }

    #[test]
    fn the_server_reads_what_a_client_writes() {
        let topics = vec![Topic(*b"news")];
        let criteria = HistoryCriteria { topics, ..HistoryCriteria::default() };
        for criteria in [criteria, HistoryCriteria::default()] {
            let json = serde_json::to_string(&criteria).unwrap();
            let read = HistoryCriteria::from_json(serde_json::from_str(&json).unwrap()).unwrap();
            assert_eq!(format!("{read:?}"), format!("{criteria:?}"));
        }
        let request = MessagesRequest { topic: Topic(*b"news"), ..MessagesRequest::default() };
        let json = serde_json::to_string(&request).unwrap();
        let read = MessagesRequest::from_json(serde_json::from_str(&json).unwrap()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{request:?}"));
        let retries = RetryConfig { base_timeout: 1, step_timeout: u64::MAX, max_retries: 3 };
        let json = serde_json::to_string(&retries).unwrap();
        let read = RetryConfig::from_json(serde_json::from_str(&json).unwrap()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{retries:?}"));
    }
}

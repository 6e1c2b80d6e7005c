//! Reads the arguments of the namespace: posts, criteria, topics, dialects.

use serde_json::value::RawValue;
use whisper_envelope::{Dialect, PartialTopic, Topic};

use crate::call::json::{Fields, FromJson, ValueError, number};
use crate::types::hex::HexBytes;
use crate::types::message::{Criteria, NewMessage};

/// The fields of a message. go-ethereum has all except the last.
const MESSAGE_FIELDS: &[&str] = &[
    "symKeyID",
    "pubKey",
    "sig",
    "ttl",
    "topic",
    "payload",
    "padding",
    "powTime",
    "powTarget",
    "targetPeer",
    "dialect",
];

/// The fields of criteria. go-ethereum has all except the last three.
const CRITERIA_FIELDS: &[&str] = &[
    "symKeyID",
    "privateKeyID",
    "sig",
    "minPow",
    "topics",
    "allowP2P",
    "includePooled",
    "acknowledge",
    "dialect",
];

impl FromJson for NewMessage {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        let fields = Fields::of(json, MESSAGE_FIELDS)?;
        Ok(Self {
            sym_key_id: fields.or_default("symKeyID")?,
            pub_key: fields.or_default("pubKey")?,
            sig: fields.or_default("sig")?,
            ttl: fields.or_default("ttl")?,
            topic: fields.get("topic")?.unwrap_or(Topic([0; 4])),
            payload: fields.or_default("payload")?,
            padding: fields.or_default("padding")?,
            pow_time: fields.or_default("powTime")?,
            pow_target: fields.or_default("powTarget")?,
            target_peer: fields.or_default("targetPeer")?,
            dialect: fields.or_default("dialect")?,
        })
    }
}

impl FromJson for Criteria {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        let fields = Fields::of(json, CRITERIA_FIELDS)?;
        let dialect = fields.or_default("dialect")?;
        Ok(Self {
            sym_key_id: fields.or_default("symKeyID")?,
            private_key_id: fields.or_default("privateKeyID")?,
            sig: fields.or_default("sig")?,
            min_pow: fields.or_default("minPow")?,
            topics: topics(&fields, dialect)?,
            allow_p2p: fields.or_default("allowP2P")?,
            include_pooled: fields.or_default("includePooled")?,
            acknowledge: fields.or_default("acknowledge")?,
            dialect,
        })
    }
}

/// Reads the topics of criteria. Only shh/5 allows beginnings of topics.
fn topics(fields: &Fields<'_>, dialect: Dialect) -> Result<Vec<PartialTopic>, ValueError> {
    const NAME: &str = "topics";
    match dialect {
        Dialect::V5 => fields.or_default(NAME),
        Dialect::V6 => {
            let whole: Vec<Topic> = fields.or_default(NAME)?;
            Ok(whole.into_iter().map(PartialTopic::from).collect())
        }
    }
}

impl FromJson for PartialTopic {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        let bytes = HexBytes::from_json(json)?;
        let length = 2 * bytes.as_slice().len();
        Self::new(bytes.as_slice()).map_err(|_| ValueError::PartialTopicLength(length))
    }
}

impl FromJson for Topic {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        let bytes = HexBytes::from_json(json)?;
        bytes.array().map(Self).ok_or(ValueError::TopicLength(2 * bytes.as_slice().len()))
    }
}

impl FromJson for Dialect {
    fn from_json(json: &RawValue) -> Result<Self, ValueError> {
        const WANT: &str = "5 or 6";
        match number::<u64>(json, WANT)? {
            5 => Ok(Self::V5),
            6 => Ok(Self::V6),
            other => Err(ValueError::Number { want: WANT, got: other.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, schema_for};

    use super::*;

    fn read<T: FromJson>(json: &str) -> Result<T, ValueError> {
        T::from_json(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn absent_fields_are_empty() {
        let message: NewMessage = read("{}").unwrap();
        assert!(message.sym_key_id.is_empty() && message.pub_key.is_empty());
        assert_eq!((message.ttl, message.topic), (0, Topic([0; 4])));
        let criteria: Criteria = read("{\"topics\":null}").unwrap();
        assert!(criteria.topics.is_empty() && !criteria.allow_p2p);
    }

    #[test]
    fn every_described_field_is_read() {
        fn check<T: FromJson + JsonSchema>() {
            let schema = schema_for!(T);
            for name in schema.get("properties").unwrap().as_object().unwrap().keys() {
                // An object is wrong for every field.
                let error = read::<T>(&format!("{{\"{name}\":{{}}}}")).err().unwrap().to_string();
                assert!(error.starts_with(&format!("{name}: want ")), "{error}");
            }
        }
        check::<NewMessage>();
        check::<Criteria>();
    }

    #[test]
    fn exactly_the_described_fields_are_known() {
        fn check<T: JsonSchema>(known: &[&str]) {
            let schema = schema_for!(T);
            let mut known = known.to_vec();
            known.sort_unstable();
            let described = schema.get("properties").unwrap().as_object().unwrap().keys();
            assert!(described.eq(known.iter()), "{known:?}");
            assert_eq!(schema.get("additionalProperties"), Some(&false.into()));
        }
        check::<NewMessage>(MESSAGE_FIELDS);
        check::<Criteria>(CRITERIA_FIELDS);
    }

    /// The case that subscribed to all topics.
    #[test]
    fn a_misspelled_field_is_refused_with_the_right_name() {
        let error = read::<Criteria>(r#"{"symKeyID":"x","topic":"0x07678231"}"#).unwrap_err();
        assert_eq!(error.to_string(), "unknown field 'topic', did you mean 'topics'?");
        let error = read::<NewMessage>(r#"{"topics":["0x07678231"]}"#).unwrap_err();
        assert_eq!(error.to_string(), "unknown field 'topics', did you mean 'topic'?");
        assert!(read::<Criteria>(r#"{"TOPICS":["0x07678231"],"allowp2p":true}"#).is_ok());
    }

    #[test]
    fn the_server_reads_what_a_client_writes() {
        let message = NewMessage {
            sym_key_id: "key".to_owned(),
            topic: Topic(*b"chat"),
            payload: b"hello".to_vec().into(),
            pow_target: 0.5,
            ..NewMessage::default()
        };
        let read: NewMessage = self::read(&serde_json::to_string(&message).unwrap()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{message:?}"));
        assert_eq!(read.payload.as_slice(), b"hello");
        let topics = vec![Topic(*b"chat").into()];
        let criteria = Criteria { topics, allow_p2p: true, ..Criteria::default() };
        let read: Criteria = self::read(&serde_json::to_string(&criteria).unwrap()).unwrap();
        assert_eq!((read.topics, read.allow_p2p), (criteria.topics, true));
    }

    #[test]
    fn errors_name_the_field() {
        let cases = [
            (r#"{"ttl":"20"}"#, "ttl: want a whole number from 0 to 4294967295, got a string"),
            (r#"{"topic":"0x5a4ea13100"}"#, "topic: hex string has length 10, want 8 for Topic"),
            (r#"{"payload":"hello"}"#, "payload: hex string without 0x prefix"),
        ];
        for (json, text) in cases {
            assert_eq!(read::<NewMessage>(json).unwrap_err().to_string(), text);
        }
        let error = read::<Criteria>(r#"{"topics":["0x5a4ea131","0x00"]}"#).unwrap_err();
        assert_eq!(error.to_string(), "topics: [1]: hex string has length 2, want 8 for Topic");
    }
}

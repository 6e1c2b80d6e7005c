//! The objects of the namespace `shh`: what is posted, what is asked for, what is received.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use whisper_envelope::{Dialect, PartialTopic, Topic};

use super::{dialect, topic};
use crate::call::hex::HexBytes;
use crate::call::json::{Fields, FromJson, Unfit};

/// A message to be posted: the argument of `shh_post`. An absent field is empty or zero.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NewMessage {
    /// The symmetric key to encrypt with, by its id; this or `pub_key`.
    #[serde(rename = "symKeyID")]
    pub sym_key_id: String,
    /// The public key to encrypt for, uncompressed, 65 bytes.
    pub pub_key: HexBytes,
    /// The key pair to sign with, by its id; empty: unsigned.
    pub sig: String,
    /// Seconds the envelope lives; 0 is the node's default.
    pub ttl: u32,
    /// Which recipients should try to open it. Must not be zero with a symmetric key.
    #[serde(with = "topic")]
    #[schemars(with = "HexBytes")]
    pub topic: Topic,
    /// The content.
    pub payload: HexBytes,
    /// Bytes to hide the content's length; empty: the node chooses.
    pub padding: HexBytes,
    /// Seconds to spend on the proof of work at most.
    pub pow_time: u32,
    /// The work to reach.
    pub pow_target: f64,
    /// A trusted peer to send it to directly, by enode URL; empty: to everybody.
    pub target_peer: String,
    /// The version of Whisper: 5 reaches peers that speak shh/5, 6 those that speak shh/6. (Not in go-ethereum.)
    #[serde(serialize_with = "dialect::serialize")]
    #[schemars(schema_with = "dialect::schema")]
    pub dialect: Dialect,
}

impl FromJson for NewMessage {
    fn from_json(json: &RawValue) -> Result<Self, Unfit> {
        let fields = Fields::of(json)?;
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

/// Which messages a filter or a subscription is for. An absent field is empty, zero or false.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Criteria {
    /// The symmetric key to decrypt with, by its id; this or `private_key_id`.
    #[serde(rename = "symKeyID")]
    pub sym_key_id: String,
    /// The key pair to decrypt with, by its id.
    #[serde(rename = "privateKeyID")]
    pub private_key_id: String,
    /// The public key that must have signed; empty: anybody or nobody.
    pub sig: HexBytes,
    /// The least work.
    pub min_pow: f64,
    /// The topics; none are all. In shh/5 beginnings of topics, of 1 to 4 bytes, else whole ones.
    #[serde(serialize_with = "topic::serialize_all")]
    #[schemars(with = "Vec<HexBytes>")]
    pub topics: Vec<PartialTopic>,
    /// Whether direct messages of trusted peers are wanted, too.
    #[serde(rename = "allowP2P")]
    pub allow_p2p: bool,
    /// The version of Whisper, 5 or 6: messages of the other are not for it. (Not in go-ethereum.)
    #[serde(serialize_with = "dialect::serialize")]
    #[schemars(schema_with = "dialect::schema")]
    pub dialect: Dialect,
}

impl FromJson for Criteria {
    fn from_json(json: &RawValue) -> Result<Self, Unfit> {
        let fields = Fields::of(json)?;
        let dialect = fields.or_default("dialect")?;
        Ok(Self {
            sym_key_id: fields.or_default("symKeyID")?,
            private_key_id: fields.or_default("privateKeyID")?,
            sig: fields.or_default("sig")?,
            min_pow: fields.or_default("minPow")?,
            topics: topics(&fields, dialect)?,
            allow_p2p: fields.or_default("allowP2P")?,
            dialect,
        })
    }
}

/// The topics of criteria: shh/5 knows beginnings of them, too.
fn topics(fields: &Fields<'_>, dialect: Dialect) -> Result<Vec<PartialTopic>, Unfit> {
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
    fn from_json(json: &RawValue) -> Result<Self, Unfit> {
        let bytes = HexBytes::from_json(json)?;
        let length = 2 * bytes.as_slice().len();
        Self::new(bytes.as_slice()).map_err(|_| Unfit::PartialTopicLength(length))
    }
}

impl FromJson for Topic {
    fn from_json(json: &RawValue) -> Result<Self, Unfit> {
        let bytes = HexBytes::from_json(json)?;
        bytes.array().map(Self).ok_or(Unfit::TopicLength(2 * bytes.as_slice().len()))
    }
}

/// A received message, with go-ethereum's fields in its order. Absent parts that are omitted rather than null: `sig`
/// of an unsigned message, `recipientPublicKey` of a symmetric one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Message")]
pub struct MessageJson {
    /// The public key that signed it, uncompressed, 65 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sig: Option<HexBytes>,
    /// How many seconds its envelope lives.
    pub ttl: u32,
    /// When it was sent, in seconds since 1970.
    pub timestamp: u32,
    /// What it is about.
    #[serde(with = "topic")]
    #[schemars(with = "HexBytes")]
    pub topic: Topic,
    /// The content.
    pub payload: HexBytes,
    /// The bytes that hid the length of the content.
    pub padding: HexBytes,
    /// The work of its envelope.
    pub pow: f64,
    /// The hash of its envelope.
    pub hash: HexBytes,
    /// The public key that it was encrypted for, uncompressed, 65 bytes.
    #[serde(rename = "recipientPublicKey", skip_serializing_if = "Option::is_none")]
    pub recipient_public_key: Option<HexBytes>,
}

/// What `shh_info` answers.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Info")]
pub struct InfoJson {
    /// Bytes that the pool of envelopes takes.
    pub memory: usize,
    /// Envelopes in the pool.
    pub messages: usize,
    /// The least work of envelopes that are accepted.
    pub min_pow: f64,
    /// The size of the largest envelope that is accepted, in bytes.
    pub max_message_size: u32,
}

#[cfg(test)]
mod tests {
    use schemars::schema_for;

    use super::*;

    fn read<T: FromJson>(json: &str) -> Result<T, Unfit> {
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

    /// A description may not name a field that is not read.
    #[test]
    fn every_field_that_is_described_is_read() {
        fn check<T: FromJson + JsonSchema>() {
            let schema = schema_for!(T);
            for name in schema.get("properties").unwrap().as_object().unwrap().keys() {
                // No field is an object.
                let unfit = read::<T>(&format!("{{\"{name}\":{{}}}}")).err().unwrap().to_string();
                assert!(unfit.starts_with(&format!("{name}: want ")), "{unfit}");
            }
        }
        check::<NewMessage>();
        check::<Criteria>();
    }

    #[test]
    fn what_a_client_writes_is_what_is_read() {
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
    fn unfit_fields_are_named() {
        let cases = [
            (r#"{"ttl":"20"}"#, "ttl: want a whole number from 0 to 4294967295, got a string"),
            (r#"{"topic":"0x5a4ea13100"}"#, "topic: hex string has length 10, want 8 for Topic"),
            (r#"{"payload":"hello"}"#, "payload: hex string without 0x prefix"),
        ];
        for (json, text) in cases {
            assert_eq!(read::<NewMessage>(json).unwrap_err().to_string(), text);
        }
        let unfit = read::<Criteria>(r#"{"topics":["0x5a4ea131","0x00"]}"#).unwrap_err();
        assert_eq!(unfit.to_string(), "topics: [1]: hex string has length 2, want 8 for Topic");
    }
}

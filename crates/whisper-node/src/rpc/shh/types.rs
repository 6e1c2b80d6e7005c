//! The objects of the namespace `shh`: what is posted, what is asked for, what is received.

use serde::Serialize;
use serde_json::value::RawValue;
use whisper_envelope::Topic;

use super::super::hex::HexBytes;
use super::super::json::{Fields, FromJson, Unfit};

/// A message to be posted: the argument of `shh_post`. An absent field is empty or zero.
#[derive(Debug)]
pub(super) struct NewMessage {
    /// The symmetric key to encrypt with, by its id; this or `pub_key`.
    pub(super) sym_key_id: String,
    /// The public key to encrypt for, uncompressed, 65 bytes.
    pub(super) pub_key: HexBytes,
    /// The key pair to sign with, by its id; empty: unsigned.
    pub(super) sig: String,
    /// Seconds the envelope lives; 0 is the node's default.
    pub(super) ttl: u32,
    /// Which recipients should try to open it. Must not be zero with a symmetric key.
    pub(super) topic: Topic,
    /// The content.
    pub(super) payload: HexBytes,
    /// Bytes to hide the content's length; empty: the node chooses.
    pub(super) padding: HexBytes,
    /// Seconds to spend on the proof of work at most.
    pub(super) pow_time: u32,
    /// The work to reach.
    pub(super) pow_target: f64,
    /// A trusted peer to send it to directly, by enode URL; empty: to everybody.
    pub(super) target_peer: String,
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
        })
    }
}

/// Which messages a filter or a subscription is for. An absent field is empty, zero or false.
#[derive(Debug)]
pub(super) struct Criteria {
    /// The symmetric key to decrypt with, by its id; this or `private_key_id`.
    pub(super) sym_key_id: String,
    /// The key pair to decrypt with, by its id.
    pub(super) private_key_id: String,
    /// The public key that must have signed; empty: anybody or nobody.
    pub(super) sig: HexBytes,
    /// The least work.
    pub(super) min_pow: f64,
    /// The topics; none are all.
    pub(super) topics: Vec<Topic>,
    /// Whether direct messages of trusted peers are wanted, too.
    pub(super) allow_p2p: bool,
}

impl FromJson for Criteria {
    fn from_json(json: &RawValue) -> Result<Self, Unfit> {
        let fields = Fields::of(json)?;
        Ok(Self {
            sym_key_id: fields.or_default("symKeyID")?,
            private_key_id: fields.or_default("privateKeyID")?,
            sig: fields.or_default("sig")?,
            min_pow: fields.or_default("minPow")?,
            topics: fields.or_default("topics")?,
            allow_p2p: fields.or_default("allowP2P")?,
        })
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
#[derive(Clone, Debug, Serialize)]
pub(super) struct MessageJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sig: Option<HexBytes>,
    pub(super) ttl: u32,
    pub(super) timestamp: u32,
    pub(super) topic: HexBytes,
    pub(super) payload: HexBytes,
    pub(super) padding: HexBytes,
    pub(super) pow: f64,
    pub(super) hash: HexBytes,
    #[serde(rename = "recipientPublicKey", skip_serializing_if = "Option::is_none")]
    pub(super) recipient_public_key: Option<HexBytes>,
}

/// What `shh_info` answers.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InfoJson {
    pub(super) memory: usize,
    pub(super) messages: usize,
    pub(super) min_pow: f64,
    pub(super) max_message_size: u32,
}

#[cfg(test)]
mod tests {
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

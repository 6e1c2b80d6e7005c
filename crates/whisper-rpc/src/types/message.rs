//! Messages: what is posted, which are asked for, and what is received.

#[cfg(feature = "server")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use whisper_envelope::{Dialect, PartialTopic, Topic};

use crate::types::hex::HexBytes;
use crate::types::{dialect, topic};

/// A message to post: the argument of `shh_post`. An absent field is empty or zero. The server refuses other fields.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(default, deny_unknown_fields))]
pub struct NewMessage {
    /// The id of the symmetric key to encrypt with. Either this or `pub_key` is given.
    #[serde(rename = "symKeyID")]
    pub sym_key_id: String,
    /// The public key to encrypt for, uncompressed, 65 bytes.
    pub pub_key: HexBytes,
    /// The id of the key pair to sign with. Empty: the message is not signed.
    pub sig: String,
    /// Time to live of the envelope, in seconds. 0: the node's default.
    pub ttl: u32,
    /// The topic, by which recipients choose which envelopes to try. Must not be zero with a symmetric key.
    #[serde(with = "topic")]
    #[cfg_attr(feature = "server", schemars(with = "HexBytes"))]
    pub topic: Topic,
    /// The content.
    pub payload: HexBytes,
    /// Bytes that hide the length of the content. Empty: the node chooses them.
    pub padding: HexBytes,
    /// Maximum time for the proof of work, in seconds.
    pub pow_time: u32,
    /// The work to reach.
    pub pow_target: f64,
    /// The enode URL of a trusted peer that alone gets the message. Empty: all peers get it.
    pub target_peer: String,
    /// The version of Whisper: 5 reaches peers that speak shh/5, 6 reaches peers that speak shh/6. Not in go-ethereum.
    #[serde(serialize_with = "dialect::serialize")]
    #[cfg_attr(feature = "server", schemars(schema_with = "dialect::schema"))]
    pub dialect: Dialect,
}

/// Which messages a filter or a subscription gets. An absent field is empty, zero or false. The server refuses other
/// fields.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(default, deny_unknown_fields))]
pub struct Criteria {
    /// The id of the symmetric key to decrypt with. Either this or `private_key_id` is given.
    #[serde(rename = "symKeyID")]
    pub sym_key_id: String,
    /// The id of the key pair to decrypt with.
    #[serde(rename = "privateKeyID")]
    pub private_key_id: String,
    /// The public key that must have signed. Empty: any, or none.
    pub sig: HexBytes,
    /// Minimum work of the envelope.
    pub min_pow: f64,
    /// The topics. Empty: all. With shh/5 a topic may be given by its first 1 to 4 bytes, with shh/6 all 4 bytes are
    /// given.
    #[serde(serialize_with = "topic::serialize_all")]
    #[cfg_attr(feature = "server", schemars(with = "Vec<HexBytes>"))]
    pub topics: Vec<PartialTopic>,
    /// Whether direct messages of trusted peers are wanted as well.
    #[serde(rename = "allowP2P")]
    pub allow_p2p: bool,
    /// Whether messages that the node already has in its pool are wanted as well. Otherwise only those that arrive later
    /// are delivered, as in go-ethereum, which does not have this field.
    pub include_pooled: bool,
    /// Whether messages wait until they are acknowledged with `shh_ack`. Otherwise they are gone once they are fetched, as in
    /// go-ethereum, which does not have this field. Not for subscriptions.
    pub acknowledge: bool,
    /// The version of Whisper, 5 or 6. Messages of the other version do not match. Not in go-ethereum.
    #[serde(serialize_with = "dialect::serialize")]
    #[cfg_attr(feature = "server", schemars(schema_with = "dialect::schema"))]
    pub dialect: Dialect,
}

/// A received message: go-ethereum's fields in its order. Two fields are left out where they do not apply: `sig` of an
/// unsigned message, `recipientPublicKey` of a symmetric one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Message"))]
pub struct MessageJson {
    /// The public key that signed it, uncompressed, 65 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sig: Option<HexBytes>,
    /// Time to live of its envelope, in seconds.
    pub ttl: u32,
    /// When it was sent, in seconds since 1970.
    pub timestamp: u32,
    /// The topic.
    #[serde(with = "topic")]
    #[cfg_attr(feature = "server", schemars(with = "HexBytes"))]
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

/// The answer of `shh_info`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "Info"))]
pub struct InfoJson {
    /// Memory of the envelope pool, in bytes.
    pub memory: usize,
    /// Number of envelopes in the pool.
    pub messages: usize,
    /// Minimum work of an accepted envelope.
    pub min_pow: f64,
    /// Maximum size of an accepted envelope, in bytes.
    pub max_message_size: u32,
}

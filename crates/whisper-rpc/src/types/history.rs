//! What archives are asked, and what they have.

#[cfg(feature = "server")]
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use whisper_envelope::Topic;

use crate::types::hex::HexBytes;
use crate::types::message::MessageJson;
use crate::types::topic;

/// What to read from archives: the argument of `history_query` and `history_subscribe`. An absent field is empty, zero or
/// false. The server refuses other fields.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(default, deny_unknown_fields))]
pub struct HistoryCriteria {
    /// The id of a filter of this node: what it wants, opened with its key. Then neither a key nor topics are given.
    pub filter: String,
    /// The id of the symmetric key to decrypt with. Without a filter and a key, envelopes are delivered as they are.
    #[serde(rename = "symKeyID")]
    pub sym_key_id: String,
    /// The id of the key pair to decrypt with.
    #[serde(rename = "privateKeyID")]
    pub private_key_id: String,
    /// The topics. Empty: all.
    #[serde(serialize_with = "topic::serialize_all")]
    #[cfg_attr(feature = "server", schemars(with = "Vec<HexBytes>"))]
    pub topics: Vec<Topic>,
    /// The bloom filter of the topics, 64 bytes. It cannot be given together with topics.
    pub bloom: HexBytes,
    /// The hashes of the envelopes. They cannot be given together with topics or a bloom filter.
    pub hashes: Vec<HexBytes>,
    /// Only what was sent at this time or later, in seconds since 1970, as the sender says.
    pub from: u32,
    /// Only what was sent at this time or earlier. 0: no limit.
    pub to: u32,
    /// Where to go on: the cursor of an earlier answer to the same question, or `name:` and a name: where `history_ack` has
    /// acknowledged last under this name. Empty, and if nothing was acknowledged: from the beginning.
    pub cursor: String,
    /// Maximum number of envelopes that are read for `history_query`. 0: 100. At most 1000.
    pub limit: u32,
    /// The nodes whose archives are read: enode URLs or ids, at most 8. Empty: two of this node and of its peers that have one.
    pub nodes: Vec<String>,
    /// The id of the symmetric key made from the password of the archives. Empty: no password.
    #[serde(rename = "archiveKeyID")]
    pub archive_key_id: String,
}

/// A part of a history: an answer of `history_query`, and a notification of `history_subscribe`. Empty lists are left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "HistoryPart"))]
pub struct HistoryPartJson {
    /// The messages, if a filter or a key was given, in the order in which an archive has received them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<HistoryMessageJson>,
    /// The envelopes, if neither was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub envelopes: Vec<HistoryEnvelopeJson>,
    /// Where to go on after this part. Store it once the part was processed.
    pub cursor: String,
    /// Whether everything that was stored is delivered, as far as the archives that were read have it.
    pub caught_up: bool,
    /// What is wrong with an archive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<HistoryNoticeJson>,
}

/// A message from an archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "HistoryMessage"))]
pub struct HistoryMessageJson {
    /// The message, with the fields of `shh_getFilterMessages`.
    #[serde(flatten)]
    pub message: MessageJson,
    /// The id of the node with the archive; 64 zero bytes for this node.
    pub node: HexBytes,
    /// Its number in that archive.
    pub arrival: u64,
    /// Whether it may have been delivered before. Left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub maybe_repeated: bool,
}

/// An envelope from an archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "HistoryEnvelope"))]
pub struct HistoryEnvelopeJson {
    /// The hash of the envelope.
    pub hash: HexBytes,
    /// The topic.
    #[serde(with = "topic")]
    #[cfg_attr(feature = "server", schemars(with = "HexBytes"))]
    pub topic: Topic,
    /// When it was sent, in seconds since 1970.
    pub timestamp: u32,
    /// Time to live, in seconds.
    pub ttl: u32,
    /// The version of Whisper, 5 or 6.
    pub dialect: u64,
    /// The envelope in RLP. `whisper-node envelope open` opens it.
    pub raw: HexBytes,
    /// The id of the node with the archive; 64 zero bytes for this node.
    pub node: HexBytes,
    /// Its number in that archive.
    pub arrival: u64,
    /// Whether it may have been delivered before. Left out if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub maybe_repeated: bool,
}

/// What is wrong with an archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(rename = "HistoryNotice"))]
pub struct HistoryNoticeJson {
    /// What it is.
    pub kind: HistoryNoticeKind,
    /// The id of the node with the archive; 64 zero bytes for this node. Left out if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<HexBytes>,
    /// What it means and what to do, in English.
    pub text: String,
}

/// What is wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema))]
pub enum HistoryNoticeKind {
    /// There is no archive to read.
    NoArchive,
    /// An archive is not connected, or does not answer.
    Away,
    /// An archive lacks what another one has.
    Behind,
    /// An archive was replaced, and is read from the beginning.
    Replaced,
    /// An archive has removed envelopes after the cursor.
    Removed,
    /// An archive does not answer this question.
    Refused,
}

/// A request to a mail server in status-go's form: the argument of `shh_requestMessages`. An absent field is empty or zero.
/// The server refuses other fields.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(default, deny_unknown_fields))]
pub struct MessagesRequest {
    /// The enode URL of the mail server, which must be a peer.
    pub mail_server_peer: String,
    /// Only what was sent at this time or later, in seconds since 1970. 0: 24 hours before `to`.
    pub from: u32,
    /// Only what was sent at this time or earlier. 0: now.
    pub to: u32,
    /// Maximum number of envelopes of one answer. 0: everything, in as many answers as it takes.
    pub limit: u32,
    /// Where to go on: the cursor of an earlier answer.
    pub cursor: String,
    /// A topic. Zero: none.
    #[serde(with = "topic")]
    #[cfg_attr(feature = "server", schemars(with = "HexBytes"))]
    pub topic: Topic,
    /// More topics. Without any, every topic is asked for.
    #[serde(serialize_with = "topic::serialize_all")]
    #[cfg_attr(feature = "server", schemars(with = "Vec<HexBytes>"))]
    pub topics: Vec<Topic>,
    /// The id of the symmetric key made from the password of the server. Empty: the request is not encrypted.
    #[serde(rename = "symKeyID")]
    pub sym_key_id: String,
    /// Time to wait for anything from the server, in seconds. 0: 10.
    pub timeout: u32,
    /// Not used: a request is always sent.
    pub force: bool,
}

/// How long and how often a mail server is asked: the first argument of `shhext_requestMessagesSync`, in status-go's form. An
/// absent field is zero. The server refuses other fields.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[cfg_attr(feature = "server", derive(JsonSchema), schemars(default, deny_unknown_fields))]
pub struct RetryConfig {
    /// Time to wait for anything from the server, in nanoseconds: at least a second, at most 10 minutes. 0: `timeout` of the
    /// request.
    pub base_timeout: u64,
    /// What is added to this time at each further attempt, in nanoseconds.
    pub step_timeout: u64,
    /// Number of further attempts, if the server does not answer, at most 100.
    pub max_retries: u32,
}

/// One answer of a mail server, in status-go's form: the result of `shhext_requestMessagesSync`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(JsonSchema))]
pub struct MessagesResponse {
    /// Where to go on: the `cursor` of the next request, in hexadecimal without 0x. Empty: nothing is left.
    pub cursor: String,
    /// Always null: a failure is an error of the call.
    pub error: Option<String>,
}

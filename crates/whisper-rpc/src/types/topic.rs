//! Topics in JSON, for `#[serde(with = …)]`.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes a topic, or the beginning of one.
pub(super) fn serialize<T: Display, S: Serializer>(topic: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(topic)
}

/// Reads a topic.
pub(super) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    Cow::<str>::deserialize(from)?.parse().map_err(D::Error::custom)
}

/// Writes a list of topics that may be absent.
pub(super) fn serialize_partial<T: Display, S: Serializer>(
    topics: &Option<Vec<T>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match topics {
        Some(topics) => serialize_all(topics, to),
        None => to.serialize_none(),
    }
}

/// Writes a list of topics.
pub(super) fn serialize_all<T: Display, S: Serializer>(
    topics: &[T],
    to: S,
) -> Result<S::Ok, S::Error> {
    topics.iter().map(ToString::to_string).collect::<Vec<_>>().serialize(to)
}

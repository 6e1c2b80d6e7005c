//! Ids, enode URLs and records as strings in JSON and TOML.

use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

#[cfg(feature = "record")]
use crate::Record;
use crate::{Enode, NodeId, OwnNetworks, causes};

/// Parses a string; the second field describes what is expected.
struct Text<T>(PhantomData<T>, &'static str);

impl<T: FromStr<Err: core::error::Error + 'static>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|error: T::Err| E::custom(causes(&error)))
    }
}

macro_rules! as_text {
    ($type:ty, $expected:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(PhantomData, $expected))
            }
        }
    };
}

as_text!(NodeId, "a node id of 128 hexadecimal digits");
as_text!(Enode, "an enode URL");
as_text!(OwnNetworks, "networks in CIDR form, separated by commas");
#[cfg(feature = "record")]
as_text!(Record, "a node record (enr:)");

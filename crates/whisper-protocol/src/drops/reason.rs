//! Drop reasons as text, and from the errors that they follow from. The reasons themselves are in the table of `stats`.

use std::{borrow::Cow, fmt};

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    peers::rate_limit::LimitScope, relay::reject_reason::RejectReason, stats::Reason,
    wire::fault::Fault,
};

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        let named = Self::ALL.iter().find(|reason| reason.name() == name);
        named
            .copied()
            .ok_or_else(|| D::Error::custom(format_args!("there is no drop reason {name:?}")))
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for Reason {
    fn schema_name() -> Cow<'static, str> {
        "Reason".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = Self::ALL.iter().map(|reason| reason.name()).collect();
        json_schema!({
            "description": "Why something was dropped, rejected or disconnected.",
            "type": "string",
            "enum": names,
        })
    }
}

impl From<LimitScope> for Reason {
    fn from(scope: LimitScope) -> Self {
        match scope {
            LimitScope::Peer => Self::OverPeerLimit,
            LimitScope::Ip => Self::OverIpLimit,
        }
    }
}

impl From<&RejectReason> for Reason {
    fn from(reason: &RejectReason) -> Self {
        match reason {
            RejectReason::ZeroTtl => Self::ZeroTtl,
            RejectReason::TtlBeyondExpiry => Self::TtlBeyondExpiry,
            RejectReason::FromTheFuture { .. } => Self::FromTheFuture,
            RejectReason::Expired => Self::Expired,
            RejectReason::VeryOld => Self::VeryOld,
            RejectReason::TooLarge { .. } => Self::TooLarge,
            RejectReason::LowWork { .. } => Self::LowWork,
            RejectReason::OutsideBloom => Self::OutsideBloom,
            RejectReason::PoolFull => Self::PoolFull,
        }
    }
}

impl From<&Fault> for Reason {
    fn from(fault: &Fault) -> Self {
        match fault {
            Fault::NotStatus { .. } => Self::NotStatus,
            Fault::StatusTimeout => Self::StatusTimeout,
            Fault::EmptyStatus => Self::EmptyStatus,
            Fault::MalformedStatus(_) => Self::MalformedStatus,
            Fault::WrongVersion { .. } => Self::WrongVersion,
            Fault::BothLight => Self::BothLight,
            Fault::BadWork => Self::BadWork,
            Fault::BadBloom { .. } => Self::BadBloom,
            Fault::MalformedPacket { .. } => Self::MalformedPacket,
            Fault::MalformedEnvelope(_) => Self::MalformedEnvelope,
            Fault::PacketTooLarge { .. } => Self::PacketTooLarge,
            Fault::OverLimit => Self::OverLimit,
        }
    }
}

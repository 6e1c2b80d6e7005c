//! Why something was dropped, refused or cut: one list for the whole of Whisper.
//!
//! Each reason belongs to a group of [`Stats`](crate::Stats) and is counted there under its name,
//! and has its last occurrences in detail in [`Whisper::drops`](crate::Whisper::drops).

use std::{borrow::Cow, fmt};

#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{relay::admission::Rejection, wire::fault::Fault};

macro_rules! reasons {
    ($($group:ident { $($(#[$doc:meta])* $reason:ident = $name:ident,)* })*) => {
        /// Why something was dropped, refused or cut.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason { $($($(#[$doc])* $reason,)*)* }

        impl Reason {
            /// All of them, group by group.
            pub const ALL: &'static [Self] = &[$($(Self::$reason,)*)*];

            /// Its name: the path of its counter in [`Stats`](crate::Stats), as `rejected.expired`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $($(Self::$reason => concat!(stringify!($group), ".", stringify!($name)),)*)*
                }
            }
        }
    };
}

reasons! {
    rejected {
        /// [`Rejection::ZeroTtl`].
        ZeroTtl = zero_ttl,
        /// [`Rejection::TtlBeyondExpiry`].
        TtlBeyondExpiry = ttl_beyond_expiry,
        /// [`Rejection::FromTheFuture`].
        FromTheFuture = from_the_future,
        /// [`Rejection::Expired`].
        Expired = expired,
        /// [`Rejection::VeryOld`].
        VeryOld = very_old,
        /// [`Rejection::TooLarge`].
        TooLarge = too_large,
        /// [`Rejection::LowWork`].
        LowWork = low_work,
        /// [`Rejection::OutsideBloom`].
        OutsideBloom = outside_bloom,
        /// [`Rejection::PoolFull`].
        PoolFull = pool_full,
    }
    relay {
        /// An envelope was not sent to a peer because it alone exceeds what a peer takes in one
        /// packet.
        Oversized = oversized,
        /// An envelope left the pool at the end of its life.
        EndOfLife = expired,
        /// An envelope was evicted from the full pool for others with more work.
        Evicted = evicted,
    }
    sessions {
        /// A packet of a code that this node does not know.
        UnknownCode = unknown_code,
        /// A status packet after the first.
        SecondStatus = second_status,
        /// A request to a mail server, which this node is not.
        RequestIgnored = requests_ignored,
        /// A request to the mail server that reads them here, which had too many already.
        RequestsFull = requests_full,
        /// A direct message from a peer that is not trusted.
        DirectUntrusted = direct_untrusted,
        /// A direct message from a trusted peer that was larger than the node's limit.
        DirectTooLarge = direct_too_large,
    }
    limits {
        /// A packet was dropped because its peer had sent as much as it may.
        OverPeerLimit = over_peer,
        /// A packet was dropped because the peers of its IP address had sent as much as they may.
        OverIpLimit = over_ip,
    }
    extensions {
        /// An acknowledgement of a bundle, or an answer to one, that the peer was not sent, or long
        /// ago.
        Unexpected = unexpected,
        /// An acknowledgement was not sent, for want of room in what waits to be sent.
        AckUnsent = acks_unsent,
        /// A mail server asked to copy from this node, which is none.
        SyncRequestIgnored = sync_requests_ignored,
        /// An answer to such a request, which this node did not make.
        SyncResponseIgnored = sync_responses_ignored,
        /// An answer of a mail server, which this node did not ask.
        CompletionIgnored = completions_ignored,
        /// A packet of any of these kinds, or a request to a mail server, that was malformed.
        MalformedExtension = malformed,
    }
    faults {
        /// The first packet was not a status. The session was cut, as for all of this group.
        NotStatus = not_status,
        /// No status in time.
        StatusTimeout = status_timeout,
        /// A status that says nothing, as Parity's.
        EmptyStatus = empty_status,
        /// A status that is not what its dialect demands.
        MalformedStatus = malformed_status,
        /// A status of another version than the one agreed on.
        WrongVersion = wrong_version,
        /// Both ends were light clients, and the node is to refuse that.
        BothLight = both_light,
        /// A work requirement that is no number, infinite or negative.
        BadWork = bad_work,
        /// A bloom of another length than 64 bytes.
        BadBloom = bad_bloom,
        /// A packet whose body is not the one its code demands.
        MalformedPacket = malformed_packet,
        /// A bundle with a malformed envelope. What came before it was taken.
        MalformedEnvelope = malformed_envelope,
        /// A packet beyond [`MAX_MESSAGE_SIZE`](crate::MAX_MESSAGE_SIZE).
        PacketTooLarge = packet_too_large,
        /// More beyond the limits on what peers may send than is tolerated.
        OverLimit = over_limit,
    }
    delivery {
        /// A broadcast envelope found the message queue full, and was not opened.
        MessageQueueFull = message_queue_full,
        /// A direct message found the p2p queue full.
        DirectQueueFull = direct_queue_full,
        /// Some filter's topics matched an envelope, and no filter's key opened it.
        NotOpened = not_opened,
        /// A key opened an envelope whose content was malformed. Only a holder of the key can make
        /// those.
        Malformed = malformed,
        /// A filter's signer, minimum work or refusal of direct messages stood against an envelope
        /// of its topics.
        NotMatching = not_matching,
        /// A message lay in the mailbox already.
        Repeated = repeated,
        /// A message was dropped from a full mailbox, the oldest first; or one that alone is more
        /// than the mailbox holds.
        MailboxFull = mailbox_full,
    }
}

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
        named.copied().ok_or_else(|| D::Error::custom(format_args!("no reason is called {name:?}")))
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
            "description": "Why something was dropped, refused or cut.",
            "type": "string",
            "enum": names,
        })
    }
}

impl From<&Rejection> for Reason {
    fn from(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::ZeroTtl => Self::ZeroTtl,
            Rejection::TtlBeyondExpiry => Self::TtlBeyondExpiry,
            Rejection::FromTheFuture { .. } => Self::FromTheFuture,
            Rejection::Expired => Self::Expired,
            Rejection::VeryOld => Self::VeryOld,
            Rejection::TooLarge { .. } => Self::TooLarge,
            Rejection::LowWork { .. } => Self::LowWork,
            Rejection::OutsideBloom => Self::OutsideBloom,
            Rejection::PoolFull => Self::PoolFull,
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

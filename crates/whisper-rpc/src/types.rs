//! The objects of JSON-RPC: arguments and answers. Client and server use the same types.
//!
//! They are plain data. What makes them from the node's own values is part of the server.

pub(crate) mod access;
pub(crate) mod dial_state;
pub(crate) mod dialect;
pub(crate) mod drops;
pub(crate) mod explanation;
pub(crate) mod hex;
pub(crate) mod history;
pub(crate) mod message;
pub(crate) mod node_info;
pub(crate) mod receipt;
pub(crate) mod reload;
pub(crate) mod sealed;
pub(crate) mod team;
pub(crate) mod topic;

pub use access::BanJson;
pub use dial_state::{DialKindJson, DialStateJson, NextActionJson, OutcomeJson};
pub use drops::{DroppedJson, OccurrenceJson};
pub use explanation::trace::{NotSentToJson, TraceDropJson, TraceJson, TracedNodeJson};
pub use explanation::{
    ArrivalJson, DropJson, EnvelopeStateJson, ExplanationJson, FilterOutcomeJson, FilterTraceJson,
    NotSentJson, PeerTraceJson, PooledJson, SourceKind,
};
pub use hex::{HexBytes, HexBytesError, Quantity};
pub use history::{
    HistoryCriteria, HistoryEnvelopeJson, HistoryMessageJson, HistoryNoticeJson, HistoryNoticeKind,
    HistoryPartJson, MessagesRequest, MessagesResponse, RetryConfig,
};
pub use message::{Criteria, InfoJson, MessageJson, NewMessage};
pub use node_info::{NetworkJson, NodeInfoJson, PeerInfoJson, PortsJson};
pub use receipt::{PostState, ReceiptJson, UnsentReasonJson};
pub use reload::ReloadReport;
pub use sealed::SealedJson;
pub use team::{
    NewTeamTokenJson, QuotasJson, TeamCertificateJson, TeamJson, TeamSettings, TeamTokenJson,
    TeamUsageJson,
};
#[doc(no_inline)]
pub use whisper_envelope::{Dialect, PartialTopic, Topic};

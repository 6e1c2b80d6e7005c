//! The objects of JSON-RPC: what is sent and what is answered. The server writes what a client reads, and the other way
//! round.

pub use super::admin::{BanJson, EndingJson, NextJson, OutlookJson, PlannedJson};
pub use super::debug::{DroppedJson, OccurrenceJson};
pub use super::hex::{HexBytes, Quantity};
pub use super::shh::{
    ArrivalJson, Criteria, DropJson, ExplanationJson, FilterJson, InfoJson, MessageJson,
    NewMessage, NobodyJson, Origin, PeerJson, Place, PooledJson, PostState, ReceiptJson,
};
pub use p2p_server::{Json, Network, NodeInfo, PeerInfo, Ports};

//! The objects of JSON-RPC: what is sent and what is answered. The server writes what a client reads, and the other way
//! round.

pub use crate::call::hex::{HexBytes, Quantity};
pub use crate::namespace::admin::{BanJson, EndingJson, NextJson, OutlookJson, PlannedJson};
pub use crate::namespace::debug::{DroppedJson, OccurrenceJson};
pub use crate::namespace::shh::{
    ArrivalJson, Criteria, DropJson, ExplanationJson, FilterJson, InfoJson, MessageJson,
    NewMessage, NobodyJson, Origin, PeerJson, Place, PooledJson, PostState, ReceiptJson,
};
pub use p2p_server::{Json, Network, NodeInfo, PeerInfo, Ports};

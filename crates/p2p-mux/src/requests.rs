//! Requests to the peer, matched with their responses.

#[cfg(feature = "tokio")]
mod over_channel;
mod pending_requests;
#[cfg(feature = "tokio")]
mod service;

#[cfg(feature = "tokio")]
pub use over_channel::{RequestError, Requests, Responses, requests};
pub use pending_requests::{PendingRequests, ResponseMatch};
#[cfg(feature = "tokio")]
pub use service::{Service, ServiceError, ServiceLimits, ServicePeer};

//! Why a connection ended.

mod close;
mod disconnect;

pub(crate) use close::EXCEEDED_SHARE_REASON;
pub use close::{CloseReason, LostReason, ProtocolBreach};
pub use disconnect::DisconnectReason;

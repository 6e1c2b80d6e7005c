//! The namespace `shh`: Whisper.

mod dialect;
mod explain;
mod explanation;
mod keys;
mod messages;
mod receipt;
mod settings;
mod subscription;
mod topic;
mod types;

use tokio_util::sync::CancellationToken;

pub use explanation::{
    ArrivalJson, DropJson, ExplanationJson, FilterJson, Origin, PeerJson, Place, PooledJson,
};
pub use receipt::{NobodyJson, PostState, ReceiptJson};
pub use types::{Criteria, InfoJson, MessageJson, NewMessage};

use crate::declare::api::Api;
use whisper_protocol::Whisper;

/// What the methods are about.
pub(crate) struct Shh {
    pub(crate) whisper: Whisper,
    /// Cancelled when the servers stop: a seal can take longer than anybody wants to wait for that.
    pub(crate) stop: CancellationToken,
    /// Whether keys may be read.
    pub(crate) key_export: bool,
}

/// The methods of `shh`.
pub(crate) fn api() -> Api<Shh> {
    let mut api = Api::new();
    settings::declare(&mut api);
    keys::declare(&mut api);
    messages::declare(&mut api);
    explain::declare(&mut api);
    subscription::declare(&mut api);
    api
}

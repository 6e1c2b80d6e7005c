//! The namespace `shh`: Whisper.

mod arguments;
mod explanation;
mod keys;
mod messages;
mod receipt;
mod settings;
mod subscription;

use tokio_util::sync::CancellationToken;
use whisper_protocol::Whisper;

use crate::declare::api::Api;

/// What the methods work on.
pub(crate) struct ShhContext {
    pub(crate) whisper: Whisper,
    /// Cancelled when the servers stop. It ends proofs of work, which would delay the stop.
    pub(crate) stop: CancellationToken,
    /// Whether clients may read keys.
    pub(crate) key_export: bool,
}

/// The methods of `shh`.
pub(crate) fn api() -> Api<ShhContext> {
    let mut api = Api::new();
    settings::declare(&mut api);
    keys::declare(&mut api);
    messages::declare(&mut api);
    receipt::declare(&mut api);
    explanation::declare(&mut api);
    subscription::declare(&mut api);
    api
}

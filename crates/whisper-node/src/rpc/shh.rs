//! The namespace `shh`: Whisper.

mod explain;
mod explanation;
mod keys;
mod messages;
mod receipt;
mod settings;
mod subscription;
mod types;

use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use tokio_util::sync::CancellationToken;

use crate::Whisper;

/// What the methods are about.
struct Shh {
    whisper: Whisper,
    /// Cancelled when the servers stop: a seal can take longer than anybody wants to wait for that.
    stop: CancellationToken,
}

/// The methods of `shh`.
pub(super) fn module(
    whisper: Whisper,
    stop: CancellationToken,
) -> Result<RpcModule<()>, RegisterMethodError> {
    let mut module = RpcModule::new(Shh { whisper, stop });
    settings::register(&mut module)?;
    keys::register(&mut module)?;
    messages::register(&mut module)?;
    explain::register(&mut module)?;
    subscription::register(&mut module)?;
    Ok(module.remove_context())
}

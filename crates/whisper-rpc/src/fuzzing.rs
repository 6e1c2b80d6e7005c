//! A door for the fuzz targets of this workspace: what here reads the bytes of clients, and is private. No part of the
//! interface.

use std::sync::Arc;

use bytes::BytesMut;
use futures_util::FutureExt;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::core::server::ConnectionId;
use tokio_util::codec::Decoder;
use tokio_util::sync::CancellationToken;

use crate::call::calls::{Caller, Calls, Reply};
use crate::call::values::Values;
use crate::config::Limits;
use crate::namespace::shh::{self, Shh};
use whisper_protocol::Whisper;

/// The calls of `shh` that are answered at once, without transport and network.
pub struct Answering {
    calls: Calls,
    caller: Caller,
}

impl Answering {
    /// Those of this node.
    ///
    /// # Errors
    ///
    /// Two methods of one name.
    pub fn new(whisper: Whisper) -> Result<Self, RegisterMethodError> {
        let stop = CancellationToken::new();
        let mut module = shh::api().install(Shh { whisper, stop, key_export: true })?;
        // Answered on threads of their own, which would pile up.
        for name in ["shh_generateSymKeyFromPassword", "shh_explain"] {
            module.remove_method(name);
        }
        let calls = Calls::new(module.into(), Limits::default(), Arc::default());
        Ok(Self { calls, caller: Caller { connection: ConnectionId(0), push: None } })
    }

    /// The answer to a request; `None` where there is to be none.
    #[must_use]
    pub fn answer(&self, request: &[u8]) -> Option<String> {
        match self.calls.answer(request, &self.caller).now_or_never()? {
            Reply::Nothing => None,
            Reply::Json(json) | Reply::Unreadable(json) => Some(json.get().to_owned()),
        }
    }
}

/// The values of at most `limit` bytes that come in these pieces over IPC, and whether something else ended them.
pub fn values<'a>(limit: u32, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let (mut values, mut bytes, mut found) = (Values::new(limit), BytesMut::new(), Vec::new());
    for piece in pieces {
        bytes.extend_from_slice(piece);
        loop {
            match values.decode(&mut bytes) {
                Ok(Some(value)) => found.push(value.to_vec()),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}

//! Entry points for the fuzz targets of this workspace: private code that reads bytes of clients. Not part of the
//! interface.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use bytes::BytesMut;
use futures_util::FutureExt;
use p2p_world::SystemWorld;
use tokio_util::codec::Decoder;
use tokio_util::sync::CancellationToken;
use whisper_protocol::Whisper;

use crate::call::dispatch::{Caller, Dispatcher, Reply, ServedMethods};
use crate::call::memory::MemoryBudget;
use crate::call::splitter::ValueSplitter;
use crate::config::RpcLimits;
use crate::namespace::history::HistoryContext;
use crate::namespace::shh::{self, ShhContext};
use crate::team::accounts::Accounts;

/// Answers calls of `shh` without a transport and a network. Methods that run on threads of their own are left out.
pub struct OfflineRpc {
    dispatcher: Dispatcher,
    caller: Caller,
}

impl OfflineRpc {
    /// Serves this Whisper node. `None` if two methods have the same name, which the tests exclude.
    #[must_use]
    pub fn new(whisper: Whisper) -> Option<Self> {
        let stop = CancellationToken::new();
        let max_pow_time = RpcLimits::default().pow_time;
        let clock_error = Box::new(|| None);
        let (world, key_export) = (SystemWorld::shared(), true);
        let accounts = Accounts::new(whisper.clone(), Arc::clone(&world), None, Vec::new());
        let history = HistoryContext { stop: stop.clone(), world: Arc::clone(&world) };
        let unix_time = Box::new(|| 0);
        let context = ShhContext {
            whisper,
            clock_error,
            unix_time,
            stop,
            history,
            key_export,
            world,
            max_pow_time,
        };
        let mut module = shh::api().install(context).ok()?;
        // Their threads would accumulate.
        for name in ["shh_generateSymKeyFromPassword", "shh_explain"] {
            module.remove_method(name);
        }
        let served = ServedMethods {
            methods: module.into(),
            elsewhere: BTreeMap::new(),
            max_message_size: Box::new(|| 1 << 20),
        };
        let pass = accounts.enter_ipc()?;
        let (limits, accounts) = (RpcLimits::default(), Arc::new(accounts));
        let dispatcher = Dispatcher::new(served, limits, Arc::default(), accounts, None);
        let memory = MemoryBudget::new(usize::MAX, usize::MAX, Arc::default());
        let client = Arc::new(memory).client(CancellationToken::new());
        let caller = dispatcher.request_from(pass, None, client);
        Some(Self { dispatcher, caller })
    }

    /// The answer to a request. `None` if it is not answered, or not answered at once.
    #[must_use]
    pub fn answer(&self, request: &[u8]) -> Option<String> {
        let mut answering = pin!(self.dispatcher.answer(request, &self.caller));
        // A batch lets others have their turn between its calls.
        let polls = 2 * RpcLimits::default().batch_calls;
        let answer = (0..=polls).find_map(|_| answering.as_mut().now_or_never());
        match answer? {
            Reply::Nothing => None,
            Reply::Json(json) | Reply::Unreadable(json) => Some(json.get().to_owned()),
        }
    }
}

/// Splits the bytes that arrive over IPC in these pieces into values of at most `limit` bytes. Returns the values, and
/// whether an error ended them.
pub fn split<'a>(limit: u32, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let (mut splitter, mut bytes) = (ValueSplitter::new(limit), BytesMut::new());
    let mut found = Vec::new();
    for piece in pieces {
        bytes.extend_from_slice(piece);
        loop {
            match splitter.decode(&mut bytes) {
                Ok(Some(value)) => found.push(value.to_vec()),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}

//! The namespace `shh`: Whisper.

mod arguments;
mod context;
mod explanation;
mod keys;
mod messages;
mod receipt;
mod settings;
mod subscription;
mod trace;

pub(crate) use context::ShhContext;
pub(crate) use explanation::explanation_for;

use crate::declare::api::Api;
use crate::namespace::history::mail;

/// The methods of `shh`.
pub(crate) fn api() -> Api<ShhContext> {
    let mut api = Api::new();
    settings::declare(&mut api);
    keys::declare(&mut api);
    messages::declare(&mut api);
    receipt::declare(&mut api);
    explanation::declare(&mut api);
    trace::declare(&mut api);
    let history = |shh: &ShhContext| shh.history.clone();
    mail::declare(&mut api, "shh_requestMessages", history);
    mail::declare_one(&mut api, "shh_requestMessagesSync", history);
    subscription::declare(&mut api);
    api
}

//! The namespace `shhext`: requests to mail servers, as status-go names them.

use crate::declare::api::Api;
use crate::namespace::history::{HistoryContext, mail};

/// The methods of `shhext`.
pub(crate) fn api() -> Api<HistoryContext> {
    let mut api = Api::new();
    mail::declare(&mut api, "shhext_requestMessages", HistoryContext::clone);
    mail::declare_one(&mut api, "shhext_requestMessagesSync", HistoryContext::clone);
    api
}

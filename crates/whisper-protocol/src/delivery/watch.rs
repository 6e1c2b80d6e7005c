//! Waiting for the messages of a filter.

use std::sync::Arc;

use crate::{delivery::filter::Filter, delivery::received::Received, hub::Hub, keys::id::FilterId};

/// A filter whose messages are waited for, made by [`Whisper::watch`](crate::Whisper::watch). It
/// ends when dropped.
///
/// Between two calls of [`next`](Self::next), messages wait in a bounded mailbox: who is too slow
/// loses the oldest, counted in
/// [`DeliveryStats::mailbox_full`](crate::DeliveryStats::mailbox_full).
#[derive(Debug)]
pub struct Watch {
    id: FilterId,
    filter: Arc<Filter>,
    hub: Arc<Hub>,
}

impl Watch {
    pub(crate) fn new(id: FilterId, filter: Arc<Filter>, hub: Arc<Hub>) -> Self {
        Self { id, filter, hub }
    }

    /// The id of the filter.
    #[must_use]
    pub fn id(&self) -> FilterId {
        self.id
    }

    /// Waits for the next message; `None` when the node has stopped and all messages are taken.
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Arc<Received>> {
        self.filter.mailbox.next().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.remove_filter(&self.id);
    }
}

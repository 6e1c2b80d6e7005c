//! Waiting for the messages of a filter.

use std::sync::Arc;

use crate::{
    delivery::filter::Filter, delivery::message::ReceivedMessage,
    delivery::subscriptions::Subscriptions, keys::id::FilterId,
};

/// A filter whose messages are waited for, made by [`Whisper::watch`](crate::Whisper::watch). The filter is removed when
/// the watch is dropped.
///
/// Between two calls of [`next`](Self::next), messages wait in a limited mailbox: a slow reader loses the oldest ones,
/// counted in [`DeliveryStats::mailbox_full`](crate::DeliveryStats::mailbox_full).
#[derive(Debug)]
pub struct Watch {
    id: FilterId,
    filter: Arc<Filter>,
    subscriptions: Arc<Subscriptions>,
}

impl Watch {
    pub(crate) fn new(
        id: FilterId,
        filter: Arc<Filter>,
        subscriptions: Arc<Subscriptions>,
    ) -> Self {
        Self { id, filter, subscriptions }
    }

    /// The id of the filter.
    #[must_use]
    pub fn id(&self) -> FilterId {
        self.id
    }

    /// Waits for the next message; `None` if the node has stopped and there are no more messages. Dropping the future
    /// loses nothing.
    pub async fn next(&mut self) -> Option<Arc<ReceivedMessage>> {
        self.filter.mailbox.next().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.subscriptions.remove(&self.id);
    }
}

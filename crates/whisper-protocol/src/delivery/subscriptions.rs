//! The filters of the applications. The bloom that the node announces follows them.

use std::sync::Arc;

use crate::{
    delivery::driver::DeliveryDriver, delivery::filter::Filter, delivery::interest::Interest,
    keys::id::FilterId, relay::driver::RelayDriver,
};

/// Adds and removes filters, and announces the bloom that follows from them.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    delivery: Arc<DeliveryDriver>,
    relays: Arc<RelayDriver>,
}

impl Subscriptions {
    pub(crate) fn new(delivery: Arc<DeliveryDriver>, relays: Arc<RelayDriver>) -> Self {
        Self { delivery, relays }
    }

    /// Adds a filter under an id that is not in use. `lasting`: it is not removed when it is idle.
    pub(crate) fn insert(&self, id: FilterId, filter: &Arc<Filter>, lasting: bool) {
        self.delivery.insert(id, filter, lasting);
        self.announce();
    }

    /// Adds filters that were kept.
    pub(crate) fn restore(&self, filters: impl Iterator<Item = (FilterId, Arc<Filter>)>) {
        self.delivery.restore(filters);
        self.announce();
    }

    /// Removes a filter; false if there is none with this id.
    pub(crate) fn remove(&self, id: &FilterId) -> bool {
        let removed = self.delivery.delivery().remove(id);
        self.announce();
        removed
    }

    /// Removes filters when they are idle. Never returns.
    pub(crate) async fn remove_idle(self: Arc<Self>) {
        loop {
            self.delivery.remove_idle().await;
            self.announce();
        }
    }

    /// Changes which topics the node asks its peers for.
    pub(crate) fn set_interest(&self, interest: Interest) {
        self.delivery.delivery().set_interest(interest);
        self.announce();
    }

    /// Announces the bloom if it changed. It is computed inside the relay's lock, so that of two concurrent changes the
    /// last one counts.
    fn announce(&self) {
        self.relays.set_bloom(|| self.delivery.delivery().bloom());
    }
}

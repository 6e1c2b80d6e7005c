//! Names of subscriptions.

use jsonrpsee::core::traits::IdProvider;
use jsonrpsee::types::SubscriptionId;

/// Names subscriptions as go-ethereum does: a random 128-bit number in hexadecimal, without leading zeros.
///
/// Random, so that a client cannot guess another's; only the connection that subscribed can unsubscribe anyway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RandomId;

impl IdProvider for RandomId {
    fn next_id(&self) -> SubscriptionId<'static> {
        SubscriptionId::Str(format!("{:#x}", rand::random::<u128>()).into())
    }
}

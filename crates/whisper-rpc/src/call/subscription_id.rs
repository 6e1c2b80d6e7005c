//! Ids of subscriptions.

use jsonrpsee::core::traits::IdProvider;
use jsonrpsee::types::SubscriptionId;
use p2p_world::rng;

/// Makes ids like go-ethereum: a random 128-bit number in hexadecimal, without leading zeros.
///
/// They are random so that a client cannot guess the id of another client. In addition, only the connection that
/// subscribed can unsubscribe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RandomId;

impl IdProvider for RandomId {
    fn next_id(&self) -> SubscriptionId<'static> {
        SubscriptionId::Str(format!("{:#x}", u128::from_le_bytes(rng().bytes())).into())
    }
}

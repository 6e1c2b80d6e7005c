//! What a sub-protocol may use of a connection, and what happens when it ends or is overloaded.

use super::{QueueLimits, RestartSettings};
use crate::DisconnectReason;

/// What happens when a sub-protocol has not taken its messages for
/// [`Config::stall_limit`](crate::Config::stall_limit) and more arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOverload {
    /// Its slot closes; the connection and the other slots continue.
    #[default]
    CloseSlot,
    /// Messages that do not fit are dropped and counted until half of the inbound budget is free.
    DropNewest,
    /// The whole connection ends with [`DisconnectReason::Subprotocol`].
    Disconnect,
}

/// What happens to the connection when a sub-protocol's task has ended for any reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnExit {
    /// Its slot closes. The connection ends with the last slot.
    #[default]
    Close,
    /// The whole connection ends with this reason, as is usual in devp2p.
    Disconnect(DisconnectReason),
    /// Its slot closes and reopens after a delay, with a new task and a new channel. Meanwhile the
    /// connection does not end, even if no other slot is open.
    ///
    /// Messages that the old task has queued are still sent. Messages in its inbound queue are
    /// dropped. Messages that arrive during the delay are dropped and counted in
    /// [`DropStats::closed`](crate::DropStats::closed). The other end is not told, because RLPx has
    /// no message for it. So use this only for a sub-protocol that can resume at any message.
    Restart(RestartSettings),
}

/// What a sub-protocol may use of each connection that it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSettings {
    /// Weight in the round robin over the slots: the share of the sent bytes, relative to the
    /// weights of the other slots. Default 1; 0 counts as 1.
    pub weight: u32,
    /// Limits of the inbound queue: messages that have arrived and were not taken. Default 2 MiB and
    /// 1024 messages. A message larger than the limit is accepted if the queue is empty.
    pub inbound: QueueLimits,
    /// Maximum size of the outbound queue in bytes, where each message counts as its payload plus
    /// 64 bytes. Default 1 MiB, maximum 256 MiB. A message larger than the limit is accepted if the
    /// queue is empty.
    pub outbound: usize,
    /// What happens when it does not take its messages.
    pub on_overload: OnOverload,
    /// What happens to the connection when its task ends.
    pub on_exit: OnExit,
}

impl Default for SlotSettings {
    fn default() -> Self {
        Self {
            weight: 1,
            inbound: QueueLimits { bytes: 2 << 20, items: 1024 },
            outbound: 1 << 20,
            on_overload: OnOverload::default(),
            on_exit: OnExit::default(),
        }
    }
}

/// Maximum size of an outbound queue in bytes; each byte is a permit of a semaphore.
const MAX_OUTBOUND: usize = 1 << 28;

impl SlotSettings {
    /// [`outbound`](Self::outbound) in its bounds, with room for at least one message.
    pub(crate) const fn outbound_capacity(&self) -> usize {
        match self.outbound {
            0 => 1,
            bytes if bytes > MAX_OUTBOUND => MAX_OUTBOUND,
            bytes => bytes,
        }
    }
}

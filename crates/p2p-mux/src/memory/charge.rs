//! Memory that a sub-protocol keeps for a peer.

use std::sync::Arc;

use super::Share;

/// Memory that a sub-protocol keeps for the peer of a connection, counted in the
/// [`MemoryBudget`](crate::MemoryBudget) like the queues of the connection. Made by
/// [`Channel::memory_charge`](crate::Channel::memory_charge). Dropping it returns the memory.
///
/// The default, and one of a channel without a connection, counts nothing.
#[derive(Debug, Default)]
pub struct MemoryCharge {
    share: Option<Arc<Share>>,
    bytes: usize,
}

impl MemoryCharge {
    #[cfg(feature = "tokio")]
    pub(crate) const fn new(share: Option<Arc<Share>>) -> Self {
        Self { share, bytes: 0 }
    }

    /// Sets the number of bytes. It always succeeds; if the connection then exceeds its share while
    /// memory is short, the rule of the budget applies to it.
    pub fn set(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.bytes, bytes);
        let Some(share) = &self.share else { return };
        if before < bytes {
            share.charge(bytes - before);
        } else if bytes < before {
            share.release(before - bytes);
        }
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for MemoryCharge {
    fn drop(&mut self) {
        self.set(0);
    }
}

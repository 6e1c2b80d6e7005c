//! Two connected channels without a network, for tests of a sub-protocol.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use super::{Channel, FreedTarget, SendTarget, SenderCore};

/// Maximum number of queued bytes in each direction. A message counts as its payload plus 64 bytes.
const CAPACITY: usize = 64 * 1024;

impl Channel {
    /// Two connected channels without a network: each receives what the other sends.
    ///
    /// The version is 0, and every code is valid. A queue of 64 KiB in each direction bounds the
    /// memory. Each end receives `None` once the other is dropped.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (here, mut there) = p2p_mux::Channel::pipe();
    /// here.send(3, "hello").await?;
    /// let message = there.recv().await.expect("the other end is there");
    /// assert_eq!((message.code, message.decode::<String>()?), (3, "hello".into()));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn pipe() -> (Self, Self) {
        Self::pipe_of(0, u64::MAX)
    }

    /// Same as [`pipe`](Self::pipe), for a version of a sub-protocol with `length` codes.
    #[must_use]
    pub fn pipe_of(version: u64, length: u64) -> (Self, Self) {
        let (to_there, at_there) = direction(version, length);
        let (to_here, at_here) = direction(version, length);
        (Self::new(to_there, at_here.0, at_here.1), Self::new(to_here, at_there.0, at_there.1))
    }
}

type Arrivals = (mpsc::Receiver<crate::Message>, FreedTarget);

fn direction(version: u64, length: u64) -> (Arc<SenderCore>, Arrivals) {
    // The queue has more places than there can be messages, because each takes several permits.
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let permits = Arc::new(Semaphore::new(CAPACITY));
    let freed = FreedTarget::Pipe { permits: Arc::clone(&permits), capacity: CAPACITY };
    let target = SendTarget::Pipe(sender);
    let core = SenderCore { version, length, permits, capacity: CAPACITY, target };
    (Arc::new(core), (receiver, freed))
}

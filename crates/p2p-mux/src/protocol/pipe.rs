//! Two channels joined without a network, to test a sub-protocol with.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use super::{Channel, Credit, Line, Target};

/// How many bytes may wait in each direction, each message counted as its payload and 64 bytes.
const CAPACITY: usize = 64 * 1024;

impl Channel {
    /// Two channels that are joined: what one sends, the other receives. No network, no limit on
    /// codes, version 0; bounded at 64 KiB in each direction. Each end sees `None` once the other
    /// is dropped.
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

    /// As [`pipe`](Self::pipe), for a sub-protocol of that version with `length` codes.
    #[must_use]
    pub fn pipe_of(version: u64, length: u64) -> (Self, Self) {
        let (to_there, at_there) = direction(version, length);
        let (to_here, at_here) = direction(version, length);
        (Self::new(to_there, at_here.0, at_here.1), Self::new(to_here, at_there.0, at_there.1))
    }
}

type Arrival = (mpsc::Receiver<crate::Message>, Credit);

fn direction(version: u64, length: u64) -> (Arc<Line>, Arrival) {
    // More places than there can be messages, since each takes more than one permit.
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let permits = Arc::new(Semaphore::new(CAPACITY));
    let credit = Credit::Pipe { permits: Arc::clone(&permits), capacity: CAPACITY };
    let target = Target::Pipe(sender);
    (Arc::new(Line { version, length, permits, capacity: CAPACITY, target }), (receiver, credit))
}

//! The way to a peer: its sender, and how fast it wants to be sent.

use std::{sync::Mutex, time::Duration};

use bytes::Bytes;
use p2p_mux::{SendError, Sender};
use tokio::time::{Instant, sleep};

use crate::{lock::lock, session::limit::Pace, wire::packet::Rates};

/// The way to a peer, for its session and for direct messages.
#[derive(Debug)]
pub(crate) struct Outlet {
    sender: Sender,
    pace: Mutex<Pace>,
    opened: Instant,
}

impl Outlet {
    pub(crate) fn new(sender: Sender) -> Self {
        Self { sender, pace: Mutex::default(), opened: Instant::now() }
    }

    /// The peer announced how much it takes.
    pub(crate) fn set_rates(&self, rates: &Rates) {
        lock(&self.pace).set(rates);
    }

    /// Waits until the peer takes another packet. Whether there was anything to wait for.
    pub(crate) async fn room(&self) -> bool {
        let mut waited = false;
        loop {
            let wait = lock(&self.pace).wait(self.now());
            if wait.is_zero() {
                return waited;
            }
            waited = true;
            sleep(wait).await;
        }
    }

    /// Sends a packet, at once as far as the pace is concerned.
    pub(crate) async fn send(&self, code: u64, payload: Bytes) -> Result<(), SendError> {
        lock(&self.pace).handle_sent(self.now());
        self.sender.send_raw(code, payload).await
    }

    /// As [`send`](Self::send), if there is room for it in what waits to be sent.
    pub(crate) fn try_send(&self, code: u64, payload: Bytes) -> Result<(), SendError> {
        self.sender.try_send_raw(code, payload)?;
        lock(&self.pace).handle_sent(self.now());
        Ok(())
    }

    fn now(&self) -> Duration {
        self.opened.elapsed()
    }
}

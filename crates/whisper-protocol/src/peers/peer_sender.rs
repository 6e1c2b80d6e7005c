//! Sends packets to one peer, no faster than the peer wants.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use p2p_mux::{SendError, Sender};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{lock::lock, peers::pace::Pace, wire::packet::Rates};

/// How a connected peer is reached.
#[derive(Debug, Clone)]
pub(crate) struct PeerLink {
    pub(crate) sender: Arc<PeerSender>,
    /// Wakes the session when there is something to send.
    pub(crate) wake: Arc<Notify>,
    /// Wakes the session of `lazy/1` when there is something to announce or to ask for.
    pub(crate) lazy_wake: Arc<Notify>,
    /// Tells the session of shh that `lazy/1` has started.
    pub(crate) lazy_started: Arc<Notify>,
    /// The client name of the peer, which may be any text.
    pub(crate) client: Arc<str>,
}

/// The sender of one peer and its pace. Shared by the peer's session and by direct messages.
#[derive(Debug)]
pub(crate) struct PeerSender {
    sender: Sender,
    pace: Mutex<Pace>,
    opened: Instant,
}

impl PeerSender {
    pub(crate) fn new(sender: Sender) -> Self {
        Self { sender, pace: Mutex::default(), opened: Instant::now() }
    }

    /// The peer announced its rate limits.
    pub(crate) fn set_rates(&self, rates: &Rates) {
        lock(&self.pace).set(rates);
    }

    /// Waits until the peer accepts another packet. Returns whether it had to wait.
    pub(crate) async fn wait_for_room(&self) -> bool {
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

    /// Sends a packet without regard to the pace, which only counts it.
    pub(crate) async fn send(&self, code: u64, payload: Bytes) -> Result<(), SendError> {
        lock(&self.pace).handle_sent(self.now());
        self.sender.send_raw(code, payload).await
    }

    /// Bytes that wait to be sent to the peer.
    pub(crate) fn queued(&self) -> usize {
        self.sender.queued()
    }

    /// As [`send`](Self::send), but fails instead of waiting if the send queue is full.
    pub(crate) fn try_send(&self, code: u64, payload: Bytes) -> Result<(), SendError> {
        self.sender.try_send_raw(code, payload)?;
        lock(&self.pace).handle_sent(self.now());
        Ok(())
    }

    fn now(&self) -> Duration {
        self.opened.elapsed()
    }
}

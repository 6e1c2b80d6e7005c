//! The posts of a team whose work is slowed down to its quota.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep};

use super::shared::{InUse, InUseGuard};
use crate::lock::lock;

/// How often a post that has waited long enough looks whether the work still waits.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The posts in progress, and for how long their work has waited.
#[derive(Debug, Default)]
pub(super) struct Slowing {
    posts: InUse,
    /// Held by the post that looks after the work of all.
    turn: tokio::sync::Mutex<()>,
    pauses: Mutex<Pauses>,
}

#[derive(Debug, Default)]
struct Pauses {
    /// The time of all pauses that are over.
    over: Duration,
    /// When the present one has begun.
    since: Option<Instant>,
}

impl Pauses {
    /// The time of all pauses.
    fn time(&self) -> Duration {
        self.over + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn set(&mut self, paused: bool) {
        if paused != self.since.is_some() {
            self.over = self.time();
            self.since = paused.then(Instant::now);
        }
    }
}

impl Slowing {
    /// A post is in progress until the returned value is dropped. The last one calls `pause` with `false`.
    pub(super) fn begin<'a, P: Fn(bool)>(&'a self, pause: &'a P) -> Slowed<'a, P> {
        Slowed { slowing: self, counted: self.posts.add(None), pause }
    }

    /// Waits until no other post looks after the work.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The work waits from now on, or goes on.
    pub(super) fn pause(&self, paused: bool) {
        lock(&self.pauses).set(paused);
    }

    /// Returns while the work waits and has waited for `patience` altogether from now on.
    pub(super) async fn waited(&self, patience: Duration) {
        let end = lock(&self.pauses).time() + patience;
        loop {
            let (left, is_paused) = {
                let pauses = lock(&self.pauses);
                (end.saturating_sub(pauses.time()), pauses.since.is_some())
            };
            if left.is_zero() && is_paused {
                return;
            }
            sleep(left.max(CHECK_INTERVAL)).await;
        }
    }
}

/// A post in progress whose work is slowed down, until it is dropped.
pub(super) struct Slowed<'a, P: Fn(bool)> {
    slowing: &'a Slowing,
    counted: Option<InUseGuard>,
    pause: &'a P,
}

impl<P: Fn(bool)> Drop for Slowed<'_, P> {
    fn drop(&mut self) {
        drop(self.counted.take());
        if self.slowing.posts.get() == 0 {
            self.slowing.pause(false);
            (self.pause)(false);
        }
    }
}

//! When a request over UDP is sent again, and when it fails.

use std::time::{Duration, Instant};

/// What to do about a request without an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// Send it (again).
    Send,
    /// Wait for an answer until this time.
    Wait(Instant),
    /// No answer came.
    Fail,
}

/// The attempts of one request. Each waits twice as long as the one before (RFC 6886 §3.1).
#[derive(Debug)]
pub(crate) struct Attempts {
    left: u32,
    wait: Duration,
    due: Option<Instant>,
}

impl Attempts {
    pub(crate) const fn new(first_wait: Duration, tries: u32) -> Self {
        Self { left: tries, wait: first_wait, due: None }
    }

    pub(crate) fn poll(&mut self, now: Instant) -> Attempt {
        if let Some(due) = self.due.filter(|due| *due > now) {
            return Attempt::Wait(due);
        }
        if self.left == 0 {
            return Attempt::Fail;
        }
        self.left -= 1;
        self.due = Some(now + self.wait);
        self.wait = self.wait.saturating_mul(2);
        Attempt::Send
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_double_until_the_request_fails() {
        let start = Instant::now();
        let mut attempts = Attempts::new(Duration::from_millis(250), 3);
        let mut sent = Vec::new();
        let mut now = start;
        loop {
            match attempts.poll(now) {
                Attempt::Send => sent.push((now - start).as_millis()),
                Attempt::Wait(until) => now = until,
                Attempt::Fail => break,
            }
        }
        assert_eq!((sent, (now - start).as_millis()), (vec![0, 250, 750], 1750));
        assert_eq!(Attempts::new(Duration::ZERO, 0).poll(start), Attempt::Fail);
    }
}

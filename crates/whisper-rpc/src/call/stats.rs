//! Counters of the servers.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many calls the servers answered, and what they refused, since they started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RpcStats {
    /// Answered calls, notifications included.
    pub calls: u64,
    /// The part of `calls` that was answered with an error.
    pub errors: u64,
    /// Calls that are being answered now. A call ends without an answer when its client disconnects.
    pub in_progress: u64,
    /// Requests refused because of their `Host` header.
    pub refused_host: u64,
    /// Connections refused because of their `Origin` header.
    pub refused_origin: u64,
    /// Requests and connections refused because they did not carry the token.
    pub refused_token: u64,
    /// Requests refused because of their HTTP method or content type, or because the port serves another protocol.
    pub refused_form: u64,
    /// Requests refused because they were too large.
    pub refused_size: u64,
    /// Requests whose body ended early or did not arrive in time.
    pub refused_body: u64,
    /// Connections closed because there were [`RpcLimits::connections`](crate::RpcLimits::connections) already.
    pub turned_away: u64,
}

/// A call in progress. Dropped when it is answered or cancelled.
pub(crate) struct InProgress<'a>(&'a AtomicU64);

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The running counters behind [`RpcStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    errors: AtomicU64,
    in_progress: AtomicU64,
    pub(crate) host: AtomicU64,
    pub(crate) origin: AtomicU64,
    pub(crate) token: AtomicU64,
    pub(crate) form: AtomicU64,
    pub(crate) size: AtomicU64,
    pub(crate) body: AtomicU64,
    turned_away: AtomicU64,
}

impl Counters {
    /// Counts a call as in progress until the returned value is dropped.
    pub(crate) fn begin(&self) -> InProgress<'_> {
        self.in_progress.fetch_add(1, Ordering::Relaxed);
        InProgress(&self.in_progress)
    }

    /// Counts one answered call.
    pub(crate) fn count_call(&self, failed: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
    }

    /// Counts a connection that was closed because there were too many. The 1st, 2nd, 4th, 8th, … is logged.
    pub(crate) fn turn_away(&self, limit: usize) {
        let times = self.turned_away.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            tracing::warn!(limit, times, "JSON-RPC connection closed: too many connections");
        }
    }

    /// The counts so far.
    pub(crate) fn read(&self) -> RpcStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RpcStats {
            calls: read(&self.calls),
            errors: read(&self.errors),
            in_progress: read(&self.in_progress),
            refused_host: read(&self.host),
            refused_origin: read(&self.origin),
            refused_token: read(&self.token),
            refused_form: read(&self.form),
            refused_size: read(&self.size),
            refused_body: read(&self.body),
            turned_away: read(&self.turned_away),
        }
    }
}

//! Counters of the servers, and the time that calls take.

pub(crate) mod timings;

use std::sync::atomic::{AtomicU64, Ordering};

use p2p_mux::{Metric, Sample};

use timings::CallTimings;

/// Makes the running counters, [`RpcStats`] and the metrics from one table. Each line is a counter: its metric and, if
/// the metric has several samples, its label.
macro_rules! counters {
    ($($(#[$doc:meta])+ $name:ident: $metric:expr $(, $label:literal = $value:literal)?;)+) => {
        /// How many calls the servers answered, and what they refused, since they started.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct RpcStats {
            $($(#[$doc])+ pub $name: u64,)+
        }

        /// The running counters behind [`RpcStats`].
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)+
            /// How long the calls take.
            pub(crate) timings: CallTimings,
        }

        impl Counters {
            /// The counts so far.
            pub(crate) fn read(&self) -> RpcStats {
                RpcStats { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }

        impl RpcStats {
            /// Calls `each` with every counter, as metrics systems publish it.
            pub fn for_each_sample(&self, mut each: impl FnMut(&Sample<'_>)) {
                $(each(&Sample {
                    metric: $metric,
                    labels: &[$(($label, $value))?],
                    value: self.$name,
                });)+
            }
        }
    };
}

counters! {
    /// Answered calls, notifications included.
    calls: Metric::counter("rpc_calls_total", "Answered calls");
    /// The part of `calls` that was answered with an error.
    errors: Metric::counter("rpc_errors_total", "Calls answered with an error");
    /// Calls that are being answered now. A call ends without an answer when its client disconnects.
    in_progress: Metric::gauge("rpc_in_progress", "Calls in progress");
    /// Bytes of requests, and of answers and notifications that clients have not read.
    memory: Metric::gauge("rpc_memory_bytes", "Memory that clients occupy");
    /// Clients disconnected because all together occupied more than [`RpcLimits::memory`](crate::RpcLimits::memory), and
    /// they most of it.
    out_of_memory: DISCONNECTED, "reason" = "memory";
    /// Requests refused because of their `Host` header.
    refused_host: REFUSED, "reason" = "host";
    /// Connections refused because of their `Origin` header.
    refused_origin: REFUSED, "reason" = "origin";
    /// Requests and connections refused because they did not carry the token.
    refused_token: REFUSED, "reason" = "token";
    /// Requests refused because of their HTTP method or content type, or because the port serves another protocol.
    refused_form: REFUSED, "reason" = "form";
    /// Requests refused because they were too large.
    refused_size: REFUSED, "reason" = "size";
    /// Requests whose body ended early or did not arrive in time.
    refused_body: REFUSED, "reason" = "body";
    /// Connections closed because there were [`RpcLimits::connections`](crate::RpcLimits::connections) already.
    turned_away: REFUSED, "reason" = "connections";
}

const REFUSED: Metric = Metric::counter(
    "rpc_refused_total",
    "Requests and connections refused before their JSON was read",
);

const DISCONNECTED: Metric = Metric::counter("rpc_disconnected_total", "Clients disconnected");

/// A call in progress. Dropped when it is answered or cancelled.
pub(crate) struct InProgress<'a>(&'a AtomicU64);

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
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

    /// Counts a client that was disconnected because of its memory. The 1st, 2nd, 4th, 8th, … is logged.
    pub(crate) fn disconnect_for_memory(&self, bytes: usize, limit: usize) {
        let times = self.out_of_memory.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            tracing::warn!(
                bytes,
                limit,
                times,
                "JSON-RPC client disconnected: all clients together occupy too much memory, and this one most of it"
            );
        }
    }

    /// Counts a connection that was closed because there were too many. The 1st, 2nd, 4th, 8th, … is logged.
    pub(crate) fn turn_away(&self, limit: usize) {
        let times = self.turned_away.fetch_add(1, Ordering::Relaxed) + 1;
        if times.is_power_of_two() {
            tracing::warn!(limit, times, "JSON-RPC connection closed: too many connections");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_counter_is_one_sample() {
        let counters = Counters::default();
        counters.count_call(true);
        counters.turn_away(1);
        let (mut names, mut sum, mut count) = (BTreeSet::new(), 0, 0);
        counters.read().for_each_sample(|sample| {
            count += 1;
            sum += sample.value;
            names.insert(format!("{}{:?}", sample.metric.name, sample.labels));
        });
        assert_eq!((names.len(), sum), (count, 3));
        assert!(names.contains(r#"rpc_refused_total[("reason", "connections")]"#));
    }
}

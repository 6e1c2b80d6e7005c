//! How long calls take, by method.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use p2p_mux::{Histogram, HistogramSample, Metric};

use crate::lock::lock;

const CALL_DURATION: Metric =
    Metric::histogram("rpc_call_duration_seconds", "Time to answer a call, by method");

/// The histograms of some methods, by the name of the method.
pub(crate) type MethodTimings = BTreeMap<&'static str, Arc<Histogram>>;

/// The histograms of all methods that are served, or were. Transports share them. The lock is for their list: a call is
/// counted without it.
#[derive(Debug, Default)]
pub(crate) struct CallTimings(Mutex<MethodTimings>);

impl CallTimings {
    /// The histograms of these methods.
    pub(crate) fn of(&self, methods: impl Iterator<Item = &'static str>) -> MethodTimings {
        let mut all = lock(&self.0);
        methods.map(|method| (method, Arc::clone(all.entry(method).or_default()))).collect()
    }

    /// Calls `each` with the histogram of every method that was called.
    pub(crate) fn for_each(&self, each: &mut dyn FnMut(&HistogramSample<'_>)) {
        let all = lock(&self.0).clone();
        for (method, histogram) in all {
            let value = histogram.snapshot();
            if value.count() > 0 {
                let labels = &[("method", method)];
                each(&HistogramSample { metric: CALL_DURATION, labels, value });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn transports_share_the_histogram_of_a_method() {
        let timings = CallTimings::default();
        let first = timings.of(["shh_post", "shh_info"].into_iter());
        let second = timings.of(["shh_post"].into_iter());
        for served in [&first, &second] {
            served["shh_post"].record(Duration::from_millis(1));
        }
        drop((first, second));
        let mut found = Vec::new();
        timings.for_each(&mut |sample| {
            found.push((format!("{:?}", sample.labels), sample.value.count()));
        });
        assert_eq!(found, [(r#"[("method", "shh_post")]"#.to_owned(), 2)]);
    }
}

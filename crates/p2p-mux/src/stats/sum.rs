//! The sum of the counters of many connections.

use super::{CodeStats, ConnectionStats, SlotStats};

impl ConnectionStats {
    /// Adds the counters of another connection. Slots with the same capability are added up, and
    /// other slots are appended. The round trip stays: it is no counter.
    pub fn add(&mut self, other: &Self) {
        self.add_counters(other);
        for slot in &other.slots {
            match self.slots.iter_mut().find(|mine| mine.capability == slot.capability) {
                Some(mine) => mine.add(slot),
                None => self.slots.push(slot.clone()),
            }
        }
    }

    /// Sets the lengths of the queues to 0, for a connection that has ended.
    pub fn clear_queues(&mut self) {
        for slot in &mut self.slots {
            (slot.queued_in, slot.queued_out) = (0, 0);
        }
    }
}

impl SlotStats {
    fn add(&mut self, other: &Self) {
        self.add_counters(other);
        self.traffic.add_counters(&other.traffic);
        other.codes.iter().for_each(|code| self.add_code(code));
        self.drops.add_counters(&other.drops);
        self.exits.add_counters(&other.exits);
    }

    /// Keeps the codes in order.
    fn add_code(&mut self, other: &CodeStats) {
        match self.codes.binary_search_by_key(&other.code, |mine| mine.code) {
            Ok(index) => self.codes[index].traffic.add_counters(&other.traffic),
            Err(index) => self.codes.insert(index, *other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Capability, DropStats, ExitStats, MetricKind, TrafficStats, stats::SlotCounters};

    fn slot(name: &str, codes: &[u64]) -> SlotStats {
        let traffic = |messages_in| TrafficStats {
            messages_in,
            bytes_in: 10 * messages_in,
            ..TrafficStats::default()
        };
        let counters = SlotCounters::default();
        counters.queued_in.set(5);
        counters.queued_out.set(6);
        counters.snapshot(
            Capability::new(name, 1),
            traffic(codes.len() as u64),
            codes.iter().map(|&code| CodeStats { code, traffic: traffic(1) }).collect(),
            DropStats { closed: 1, ..DropStats::default() },
            ExitStats { failed: 1, ..ExitStats::default() },
        )
    }

    fn sum() -> ConnectionStats {
        let slots = vec![slot("a", &[0, 2])];
        let mut sum = ConnectionStats { pings_in: 1, slots, ..ConnectionStats::default() };
        sum.clear_queues();
        sum.add(&ConnectionStats {
            pings_in: 2,
            slots: vec![slot("b", &[7]), slot("a", &[1, 2])],
            ..ConnectionStats::default()
        });
        sum
    }

    #[test]
    fn connections_add_up_slot_by_slot_and_code_by_code() {
        let sum = sum();
        assert_eq!(sum.pings_in, 3);
        let [a, b] = &sum.slots[..] else { panic!("{sum:?}") };
        assert_eq!((a.traffic.messages_in, a.traffic.bytes_in), (4, 40));
        assert_eq!((a.queued_in, a.queued_out), (5, 6));
        assert_eq!((a.drops.closed, a.exits.failed), (2, 2));
        let codes: Vec<_> =
            a.codes.iter().map(|code| (code.code, code.traffic.messages_in)).collect();
        assert_eq!(codes, [(0, 1), (1, 1), (2, 2)]);
        assert_eq!((b.traffic.messages_in, b.codes.len()), (1, 1));
    }

    #[test]
    fn samples_have_the_labels_of_their_slot_and_code() {
        let mut samples = BTreeMap::new();
        sum().for_each_sample(|sample| {
            let labels: Vec<_> = sample.labels.iter().map(|(_, value)| (*value).into()).collect();
            let key: (&str, Vec<String>) = (sample.metric.name, labels);
            assert!(samples.insert(key, sample.value).is_none(), "{sample:?} twice");
            let ends_in_total = sample.metric.name.ends_with("_total");
            assert_eq!(sample.metric.kind == MetricKind::Counter, ends_in_total);
        });
        let value = |name, labels: &[&str]| {
            samples[&(name, labels.iter().map(ToString::to_string).collect())]
        };
        assert_eq!(value("p2p_pings_received_total", &[]), 3);
        assert_eq!(value("p2p_messages_total", &["a/1", "in"]), 4);
        assert_eq!(value("p2p_code_messages_total", &["a/1", "2", "in"]), 2);
        assert_eq!(value("p2p_code_bytes_total", &["b/1", "7", "in"]), 10);
        assert_eq!(value("p2p_queued_bytes", &["b/1", "out"]), 6);
        assert_eq!(value("p2p_dropped_total", &["a/1", "closed"]), 2);
        assert_eq!(value("p2p_exits_total", &["a/1", "failed"]), 2);
    }
}

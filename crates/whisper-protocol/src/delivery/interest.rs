//! The topics that the node asks its peers for.

use whisper_envelope::{Bloom, PartialTopic, Topic};

/// The topics that the node asks its peers for. They make the bloom that it announces.
///
/// The bloom grows with the filters and shrinks when they are removed; each change is announced to the peers. For 10 s
/// after a change, the topics of the old bloom are still accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// The topics of this bloom and those of the filters. A filter without topics adds none: a bloom that was set by
    /// hand, as with go-ethereum's `shh_setBloomFilter`, stays narrow.
    ///
    /// The default is [`Bloom::FULL`]: like go-ethereum, a node accepts and relays everything by default, and its filters
    /// change nothing.
    Topics(Bloom),
    /// Only the topics of the filters, for a node that does not relay for others. A filter without topics, or with a
    /// prefix shorter than 3 bytes, makes the node ask for everything as long as it exists.
    Filters,
}

impl Interest {
    /// The bloom to announce with these filters.
    pub(crate) fn bloom(&self, filters: &TopicCount) -> Bloom {
        match self {
            Self::Topics(bloom) => bloom.union(filters.bloom),
            Self::Filters if filters.any > 0 => Bloom::FULL,
            Self::Filters => filters.bloom,
        }
    }
}

impl Default for Interest {
    fn default() -> Self {
        Self::Topics(Bloom::FULL)
    }
}

/// The number of filters that need each bit of the bloom, so that a bit is cleared with the last of them.
#[derive(Debug)]
pub(crate) struct TopicCount {
    bits: Box<[u32; 8 * Bloom::LEN]>,
    /// Number of filters that need the full bloom.
    any: u32,
    /// The bits that at least one filter needs.
    bloom: Bloom,
}

impl TopicCount {
    /// Adds the topics of a new filter. An empty list stands for all topics.
    pub(crate) fn add(&mut self, topics: &[PartialTopic]) {
        self.any += u32::from(wants_any(topics));
        for bit in topics.iter().flat_map(bits) {
            self.bits[bit] += 1;
            self.bloom.0[bit / 8] |= 1 << (bit % 8);
        }
    }

    /// Removes the topics of a filter.
    pub(crate) fn remove(&mut self, topics: &[PartialTopic]) {
        self.any -= u32::from(wants_any(topics));
        for bit in topics.iter().flat_map(bits) {
            self.bits[bit] -= 1;
            if self.bits[bit] == 0 {
                self.bloom.0[bit / 8] &= !(1 << (bit % 8));
            }
        }
    }
}

impl Default for TopicCount {
    fn default() -> Self {
        Self { bits: Box::new([0; 8 * Bloom::LEN]), any: 0, bloom: Bloom::EMPTY }
    }
}

fn wants_any(topics: &[PartialTopic]) -> bool {
    topics.is_empty() || topics.iter().any(|topic| topic.as_bytes().len() < 3)
}

/// The bits of a topic. Each of the first three bytes is an index, and the fourth byte says whether 256 is added to it:
/// without the fourth byte, both bits are needed. Shorter prefixes need the full bloom.
fn bits(topic: &PartialTopic) -> impl Iterator<Item = usize> + use<> {
    let blooms = match (topic.whole(), topic.as_bytes()) {
        (Some(topic), _) => Bloom::of(topic),
        (None, &[a, b, c]) => Bloom::of(Topic([a, b, c, 0])).union(Bloom::of(Topic([a, b, c, 7]))),
        _ => Bloom::EMPTY,
    };
    (0..8 * Bloom::LEN).filter(move |bit| blooms.0[bit / 8] & (1 << (bit % 8)) != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Few different topics, so that they share bits.
    fn topics() -> impl Strategy<Value = Vec<PartialTopic>> {
        let part = prop::collection::vec(0_u8..3, 1..=4)
            .prop_map(|bytes| PartialTopic::new(&bytes).unwrap());
        prop::collection::vec(part, 0..4)
    }

    proptest! {
        #[test]
        fn removed_filters_leave_no_trace(
            filters in prop::collection::vec((topics(), any::<bool>()), 0..20),
        ) {
            let (mut count, mut fresh) = (TopicCount::default(), TopicCount::default());
            filters.iter().for_each(|(topics, _)| count.add(topics));
            for (topics, stays) in &filters {
                if *stays { fresh.add(topics) } else { count.remove(topics) }
            }
            prop_assert_eq!(count.bloom, fresh.bloom);
            prop_assert_eq!(count.any, fresh.any);
        }

        #[test]
        fn everything_that_a_filter_matches_is_asked_for(wanted in topics(), topic in any::<[u8; 4]>()) {
            let topic = Topic([topic[0] % 3, topic[1] % 3, topic[2] % 3, topic[3]]);
            let mut count = TopicCount::default();
            count.add(&wanted);
            if wanted.is_empty() || wanted.iter().any(|wanted| wanted.matches(topic)) {
                prop_assert!(Interest::Filters.bloom(&count).contains(&Bloom::of(topic)));
            }
        }
    }

    #[test]
    fn a_configured_bloom_is_extended_by_topics_only() {
        let (a, b) = (Topic(*b"aaaa"), Topic(*b"bbbb"));
        let set = Interest::Topics(Bloom::of(a));
        let mut count = TopicCount::default();
        count.add(&[]);
        assert_eq!(set.bloom(&count), Bloom::of(a), "without topics");
        assert_eq!(Interest::Filters.bloom(&count), Bloom::FULL);
        count.add(&[b.into()]);
        assert_eq!(set.bloom(&count), Bloom::of(a).union(Bloom::of(b)));
        count.remove(&[]);
        assert_eq!(Interest::Filters.bloom(&count), Bloom::of(b));
        assert_eq!(Interest::default().bloom(&count), Bloom::FULL);
    }
}

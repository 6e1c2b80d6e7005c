//! A cache of entries. When a list changes, most of its entries stay the same.

use std::collections::VecDeque;

use p2p_world::HashMap;

use crate::dns::{entry::TreeEntry, label::Label};

/// Entries by label. If it is full, the entry that was added first is evicted.
#[derive(Debug)]
pub(super) struct Cache {
    limit: usize,
    entries: HashMap<Label, TreeEntry>,
    order: VecDeque<Label>,
}

impl Cache {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, entries: HashMap::default(), order: VecDeque::new() }
    }

    pub(super) fn get(&self, label: &Label) -> Option<TreeEntry> {
        self.entries.get(label).cloned()
    }

    pub(super) fn insert(&mut self, label: Label, entry: TreeEntry) {
        if self.limit == 0 || self.entries.insert(label, entry).is_some() {
            return;
        }
        self.order.push_back(label);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_is_evicted() {
        let mut cache = Cache::new(2);
        let labels = ["a", "b", "c"].map(Label::of);
        for label in labels {
            cache.insert(label, TreeEntry::Branch(vec![label]));
            cache.insert(label, TreeEntry::Branch(vec![label]));
        }
        assert_eq!(labels.map(|label| cache.get(&label).is_some()), [false, true, true]);
        let mut none = Cache::new(0);
        none.insert(labels[0], TreeEntry::Branch(Vec::new()));
        assert_eq!(none.get(&labels[0]), None);
    }
}

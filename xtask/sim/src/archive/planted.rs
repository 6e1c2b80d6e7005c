//! Planted bugs that the scenario with archives must find.

use std::time::{Duration, Instant};

use p2p_world::planted::{Bug, plant};

use super::{ARCHIVES, Settings, simulate};

/// The first scenario that fails with a bug.
pub(crate) struct Found {
    pub(crate) seeds: u64,
    pub(crate) took: Duration,
    settings: Settings,
    promise: String,
}

/// A scenario that was made smaller.
pub(crate) struct Reduced {
    /// Archives and readers.
    pub(crate) nodes: usize,
    pub(crate) kills: u32,
    pub(crate) promise: String,
    /// Whether it also fails without the bug.
    pub(crate) fails_without: bool,
}

/// Plants a bug, and runs seeds until one fails; `None` if none does.
pub(crate) fn find(bug: Bug, first: u64, count: u64) -> Option<Found> {
    plant(Some(bug));
    let began = Instant::now();
    let found = (first..first.saturating_add(count)).find_map(|seed| {
        let settings = Settings { seed, envelopes: 1000, kills: 40, ..Settings::default() };
        let promise = simulate(&settings).broken_promise()?;
        let (seeds, took) = (seed - first + 1, began.elapsed());
        Some(Found { seeds, took, settings, promise })
    });
    plant(None);
    found
}

impl Found {
    /// Makes the scenario smaller while it fails with the bug: fewer readers, then fewer kills.
    pub(crate) fn reduce(self, bug: Bug, shrink: bool) -> Reduced {
        let Self { settings: mut small, mut promise, .. } = self;
        plant(Some(bug));
        let mut smaller = vec![Settings { readers: 1, ..small.clone() }];
        smaller.extend([0, 1, 2, 5, 10, 20].map(|kills| Settings { kills, ..small.clone() }));
        for try_settings in smaller.into_iter().filter(|_| shrink) {
            let kills = try_settings.kills.min(small.kills);
            let readers = try_settings.readers.min(small.readers);
            if (kills, readers) == (small.kills, small.readers) {
                continue;
            }
            let settings = Settings { kills, readers, ..try_settings };
            if let Some(broken) = simulate(&settings).broken_promise() {
                (small, promise) = (settings, broken);
            }
        }
        plant(None);
        let fails_without = simulate(&small).broken_promise().is_some();
        Reduced { nodes: ARCHIVES + small.readers, kills: small.kills, promise, fails_without }
    }
}

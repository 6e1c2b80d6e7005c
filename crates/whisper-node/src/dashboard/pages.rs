//! How many pages are open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use whisper_rpc::RpcView;

/// Maximum number of open pages of the whole node, and of each team. So no team takes the places of another.
pub(super) const MAX_PAGES: usize = 8;

/// The open pages: those of the whole node have no name, those of a team its name.
#[derive(Debug, Default)]
pub(super) struct Pages(Mutex<BTreeMap<Option<String>, usize>>);

/// The place of an open page, free again on drop.
#[derive(Debug)]
pub(super) struct Place {
    pages: Arc<Pages>,
    who: Option<String>,
}

impl Pages {
    /// A place for a page, if there is one.
    pub(super) fn open(self: &Arc<Self>, view: &RpcView) -> Option<Place> {
        let who = match view {
            RpcView::Node => None,
            RpcView::Team(team) => Some(team.name()),
        };
        let mut open = self.lock();
        let count = open.entry(who.clone()).or_default();
        if *count >= MAX_PAGES {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Place { pages: Arc::clone(self), who })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<String>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.pages.lock();
        if let Some(count) = open.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.who);
            }
        }
    }
}

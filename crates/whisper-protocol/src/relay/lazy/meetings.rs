//! Where the sessions of shh and of `lazy/1` on one connection meet.

use std::sync::Mutex;

use p2p_identity::NodeId;
use p2p_world::HashMap;
use tokio::sync::watch;

use crate::{lock::lock, relay::peer_slot::PeerSlot};

/// The slot of each peer in a relay, for its session of `lazy/1`. Either of the two sessions may be there first.
#[derive(Debug, Default)]
pub(crate) struct Meetings(Mutex<HashMap<NodeId, Meeting>>);

/// The sessions of one peer.
#[derive(Debug, Default)]
struct Meeting {
    /// That of the session of shh.
    slot: Option<PeerSlot>,
    /// Made for the first session of `lazy/1`.
    changes: Option<watch::Sender<Option<PeerSlot>>>,
}

impl Meeting {
    fn set(&mut self, slot: Option<PeerSlot>) {
        self.slot = slot;
        if let Some(changes) = &self.changes {
            changes.send_replace(slot);
        }
    }

    fn is_awaited(&self) -> bool {
        self.changes.as_ref().is_some_and(|changes| changes.receiver_count() > 0)
    }

    fn subscribe(&mut self) -> watch::Receiver<Option<PeerSlot>> {
        self.changes.get_or_insert_with(|| watch::Sender::new(self.slot)).subscribe()
    }
}

impl Meetings {
    /// The session of shh got this slot.
    pub(crate) fn join(&self, id: &NodeId, slot: PeerSlot) {
        lock(&self.0).entry(*id).or_default().set(Some(slot));
    }

    /// The session of shh has ended. Another one of the same peer may be there already.
    pub(crate) fn leave(&self, id: &NodeId, slot: PeerSlot) {
        let mut meetings = lock(&self.0);
        let Some(meeting) = meetings.get_mut(id) else { return };
        if meeting.slot == Some(slot) {
            meeting.set(None);
        }
        Self::forget(&mut meetings, id);
    }

    /// Whether a session of `lazy/1` of this peer is there.
    pub(crate) fn is_awaited(&self, id: &NodeId) -> bool {
        lock(&self.0).get(id).is_some_and(Meeting::is_awaited)
    }

    /// The slot of a peer, now and later. Call [`forget_unused`](Self::forget_unused) when it is dropped.
    pub(crate) fn subscribe(&self, id: &NodeId) -> watch::Receiver<Option<PeerSlot>> {
        lock(&self.0).entry(*id).or_default().subscribe()
    }

    /// Forgets a peer that has no session.
    pub(crate) fn forget_unused(&self, id: &NodeId) {
        Self::forget(&mut lock(&self.0), id);
    }

    fn forget(meetings: &mut HashMap<NodeId, Meeting>, id: &NodeId) {
        let is_used = |meeting: &Meeting| meeting.is_awaited() || meeting.slot.is_some();
        if meetings.get(id).is_some_and(|meeting| !is_used(meeting)) {
            meetings.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::testing::slots;

    #[test]
    fn either_session_may_be_there_first_and_nothing_is_left() {
        let (meetings, [first, second]) = (Meetings::default(), slots());
        let (one, two) = (NodeId([1; 64]), NodeId([2; 64]));
        meetings.join(&one, first);
        let [of_one, of_two] = [&one, &two].map(|id| meetings.subscribe(id));
        assert_eq!((*of_one.borrow(), *of_two.borrow()), (Some(first), None));
        assert!(meetings.is_awaited(&two));
        meetings.join(&two, second);
        assert_eq!(*of_two.borrow(), Some(second));
        // The next connection of the first peer is there before the last one has ended.
        meetings.join(&one, second);
        meetings.leave(&one, first);
        assert_eq!(*of_one.borrow(), Some(second));
        meetings.leave(&one, second);
        meetings.leave(&two, second);
        assert_eq!((*of_one.borrow(), *of_two.borrow()), (None, None));
        drop((of_one, of_two));
        [&one, &two].into_iter().for_each(|id| meetings.forget_unused(id));
        assert!(lock(&meetings.0).is_empty() && !meetings.is_awaited(&two));
    }
}

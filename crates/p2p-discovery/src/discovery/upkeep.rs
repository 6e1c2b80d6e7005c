//! What the machine does of its own account: getting in, looking around, and asking whether nodes
//! are still there.

use core::time::Duration;
use std::time::Instant;

use super::{Discovery, Moment};
use crate::contact::Errand;
use crate::lookup::Lookup;
use crate::{LookupId, Node};
use p2p_identity::NodeId;

/// How many boot nodes are remembered.
const MAX_BOOT_NODES: usize = 64;

/// While nobody is known, boot nodes are pinged after so long, and then ever less often.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A look around is so many lookups: first for this node itself, so that those near it learn of it,
/// then for random targets.
const LOOKUPS_A_ROUND: u8 = 4;

/// What is to be done when.
#[derive(Debug)]
pub(super) struct Upkeep {
    boot_nodes: Vec<Node>,
    /// When boot nodes are pinged next, if nobody is known then.
    next_boot: Instant,
    boot_wait: Duration,
    /// When to look around next; `None` while nobody is known.
    next_round: Option<Instant>,
    /// Lookups left in this round.
    left: u8,
    /// The one that runs.
    running: Option<LookupId>,
    /// The number of the next lookup.
    number: u64,
}

impl Upkeep {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            boot_nodes: Vec::new(),
            next_boot: now,
            boot_wait: FIRST_WAIT,
            next_round: None,
            left: 0,
            running: None,
            number: 0,
        }
    }

    /// A node is in the table. If it is the first, there is somebody to ask now.
    pub(super) fn handle_alive(&mut self, now: Instant) {
        self.boot_wait = FIRST_WAIT;
        self.next_round.get_or_insert(now);
    }

    /// Remembers a boot node. `false` if there are too many.
    pub(super) fn add_boot_node(&mut self, node: Node) -> bool {
        self.boot_nodes.retain(|known| known.id != node.id);
        let has_room = self.boot_nodes.len() < MAX_BOOT_NODES;
        if has_room {
            self.boot_nodes.push(node);
        }
        has_room
    }
}

impl Discovery {
    /// When [`keep_up`](Self::keep_up) has something to do, but for the checks.
    pub(super) fn next_upkeep(&self) -> Option<Instant> {
        let upkeep = &self.upkeep;
        let is_lost = self.table.len() == 0 && !upkeep.boot_nodes.is_empty();
        let round = upkeep.next_round.filter(|_| upkeep.running.is_none());
        is_lost.then_some(upkeep.next_boot).into_iter().chain(round).min()
    }

    /// Does what is due.
    pub(super) fn keep_up(&mut self, at: Moment) {
        self.check_nodes(at);
        if self.table.len() == 0 {
            self.upkeep.next_round = None;
            self.upkeep.left = 0;
            self.knock(at);
        } else if self.upkeep.next_round.is_some_and(|due| due <= at.now) {
            self.look_around(at);
        }
    }

    /// When a node that answers now is to be asked again: not all at the same time.
    pub(super) fn next_check(&mut self, now: Instant) -> Instant {
        let jitter = f64::from(self.chance.digest()[0]) / 255.0;
        now + self.config.check_interval.mul_f64(0.5 + 0.5 * jitter)
    }

    /// Asks all nodes whose time has come whether they are still there.
    fn check_nodes(&mut self, at: Moment) {
        let is_due = |due: &Instant| *due <= at.now;
        while let Some(entry) = self.table.next_check().filter(|entry| is_due(&entry.check_at)) {
            let node = entry.node.clone();
            let later = self.next_check(at.now);
            self.table.check_later(&node.id, later.max(at.now + self.config.reply_timeout));
            self.begin(at, node, Errand::Check);
        }
    }

    /// Knocks at the boot nodes' doors.
    fn knock(&mut self, at: Moment) {
        if self.upkeep.next_boot > at.now {
            return;
        }
        self.upkeep.next_boot = at.now + self.upkeep.boot_wait;
        self.upkeep.boot_wait = (self.upkeep.boot_wait * 2).min(LONGEST_WAIT);
        for node in self.upkeep.boot_nodes.clone() {
            self.begin(at, node, Errand::Check);
        }
    }

    fn look_around(&mut self, at: Moment) {
        if self.upkeep.running.is_some() {
            return;
        }
        let is_first = self.upkeep.left == 0;
        if is_first {
            self.upkeep.left = LOOKUPS_A_ROUND;
        }
        let target = if is_first { self.local.id() } else { self.chance.target() };
        self.upkeep.left -= 1;
        let wait = if self.upkeep.left > 0 { Duration::ZERO } else { self.config.refresh_interval };
        self.upkeep.next_round = Some(at.now + wait);
        self.upkeep.running = Some(self.begin_lookup(target));
    }

    pub(super) fn begin_lookup(&mut self, target: NodeId) -> LookupId {
        let id = LookupId(self.upkeep.number);
        self.upkeep.number += 1;
        let known = self.table.nearest(&target.hash(), crate::bucket::BUCKET_SIZE, |_| true);
        let lookup = Lookup::new(target, self.local.id(), known.into_iter().cloned());
        self.lookups.insert(id, lookup);
        self.out.stats.lookups += 1;
        id
    }

    /// Lets lookups ask whom they may, and reports those that are over.
    pub(super) fn pump(&mut self, at: Moment) {
        let running: Vec<LookupId> = self.lookups.keys().copied().collect();
        for id in running {
            self.run_lookup(at, id);
        }
    }

    fn run_lookup(&mut self, at: Moment, id: LookupId) {
        loop {
            let Some(lookup) = self.lookups.get_mut(&id) else { return };
            let Some(node) = lookup.poll_ask() else { break };
            if !self.begin(at, node.clone(), Errand::Find(id))
                && let Some(lookup) = self.lookups.get_mut(&id)
            {
                lookup.handle_done(&node, false, false);
            }
        }
        if self.lookups.get_mut(&id).is_some_and(Lookup::is_finished) {
            self.finish_lookup(at, id);
        }
    }

    fn finish_lookup(&mut self, at: Moment, id: LookupId) {
        let Some(lookup) = self.lookups.remove(&id) else { return };
        self.out.tell(crate::Event::LookupFinished(id, lookup.finish()));
        if self.upkeep.running == Some(id) {
            self.upkeep.running = None;
            self.upkeep.next_round = self.upkeep.next_round.map(|due| due.max(at.now));
        }
    }
}

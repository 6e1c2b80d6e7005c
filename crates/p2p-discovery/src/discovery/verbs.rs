//! What the user of the machine wants.

use std::time::Instant;

use p2p_identity::{Content, NodeId, RecordError};

use super::{Discovery, Moment};
use crate::contact::Errand;
use crate::proof::Membership;
use crate::{BusyError, Event, LookupId, Node};

/// How many lookups run at the same time.
const MAX_LOOKUPS: usize = 32;

impl Discovery {
    /// Adds a node that is asked first, and again whenever nobody else is known. It is not different
    /// from others otherwise. At most 64; in a network with an id it must be of that network.
    ///
    /// # Errors
    ///
    /// [`BusyError`] if there are too many.
    pub fn add_boot_node(&mut self, now: Instant, unix: u64, node: Node) -> Result<(), BusyError> {
        if !self.upkeep.add_boot_node(node.clone()) {
            return Err(BusyError);
        }
        self.add_seed(now, unix, node)
    }

    /// Tries a node that was alive some time ago, or of which somebody says that it is. If it answers
    /// it is [found](Event::Found).
    ///
    /// # Errors
    ///
    /// [`BusyError`].
    pub fn add_seed(&mut self, now: Instant, unix: u64, node: Node) -> Result<(), BusyError> {
        self.want(Moment { now, unix }, node, Errand::Check)
    }

    /// Looks for the nodes nearest to `target`, which may be any 64 bytes:
    /// [`Event::LookupFinished`] will tell. Every new node that is met is [found](Event::Found).
    ///
    /// # Errors
    ///
    /// [`BusyError`] if 32 lookups run.
    pub fn lookup(
        &mut self,
        now: Instant,
        unix: u64,
        target: NodeId,
    ) -> Result<LookupId, BusyError> {
        if self.lookups.len() >= MAX_LOOKUPS {
            return Err(BusyError);
        }
        let id = self.begin_lookup(target);
        self.pump(Moment { now, unix });
        Ok(id)
    }

    /// The same for a random target: what to do to meet more nodes.
    ///
    /// # Errors
    ///
    /// [`BusyError`] if 32 lookups run.
    pub fn lookup_random(&mut self, now: Instant, unix: u64) -> Result<LookupId, BusyError> {
        let target = self.chance.target();
        self.lookup(now, unix, target)
    }

    /// Pings a node: [`Event::PingFinished`] will tell.
    ///
    /// # Errors
    ///
    /// [`BusyError`].
    pub fn ping(&mut self, now: Instant, unix: u64, node: Node) -> Result<(), BusyError> {
        self.want(Moment { now, unix }, node, Errand::Ping)
    }

    /// Asks a node for its record: [`Event::RecordFinished`] will tell.
    ///
    /// # Errors
    ///
    /// [`BusyError`].
    pub fn request_record(&mut self, now: Instant, unix: u64, node: Node) -> Result<(), BusyError> {
        self.want(Moment { now, unix }, node, Errand::Record { is_asked: true })
    }

    /// Changes what the own record says, and raises its sequence number if that is something else
    /// than before; then [`Event::RecordChanged`] tells. The network id stays as it is configured.
    ///
    /// ```
    /// # use p2p_discovery::{Discv4Config, Discovery};
    /// # use p2p_identity::{Content, Record, SecretKey};
    /// # let key = SecretKey::from_bytes(&[7; 32])?;
    /// # let record = Record::sign(&key, 1, &Content::new())?;
    /// # let now = std::time::Instant::now();
    /// let mut discovery = Discovery::new(now, Discv4Config::new(), key, &record, [0; 32])?;
    /// discovery.update_record(|content| content.tcp(30303))?;
    /// assert_eq!((discovery.record().sequence(), discovery.record().tcp()), (2, Some(30303)));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RecordError::TooLong`], and then nothing has changed.
    pub fn update_record(
        &mut self,
        change: impl FnOnce(Content) -> Content,
    ) -> Result<(), RecordError> {
        if let Some(record) = self.local.update(self.config.network, change)? {
            self.out.tell(Event::RecordChanged(record));
        }
        Ok(())
    }

    /// Whether the own record follows what the majority of peers sees as our IPv4 address, as long as
    /// [`Discv4Config::follow_peers`](crate::Discv4Config::follow_peers) is on. Switch it off while somebody
    /// knows better, such as a gateway, and put what it says into the record
    /// ([`update_record`](Self::update_record)). Switched on again, what peers said last is put there
    /// at once. On at the start.
    pub fn follow_ipv4(&mut self, follow: bool) {
        if let Some(record) = self.local.follow_ipv4(&self.config, follow) {
            self.out.tell(Event::RecordChanged(record));
        }
    }

    fn want(&mut self, at: Moment, node: Node, errand: Errand) -> Result<(), BusyError> {
        let has_begun = self.begin(at, node, errand);
        if has_begun { Ok(()) } else { Err(BusyError) }
    }

    /// Begins an errand. `false` if there is no room for it, or no use in it.
    pub(super) fn begin(&mut self, at: Moment, node: Node, errand: Errand) -> bool {
        if node.id == self.local.id() {
            return false;
        }
        // Where it has proven to be counts more than where others say it is.
        let node = match self.table.get(&node.id) {
            Some(known) if matches!(errand, Errand::Find(_)) => known.node.clone(),
            _ => node,
        };
        let (id, ip) = (node.id, node.endpoint.ip);
        let is_foreign = matches!(self.proofs.membership(&id, ip), Membership::Foreign(_));
        if self.config.network.is_some() && is_foreign && matches!(errand, Errand::Find(_)) {
            return false;
        }
        let is_running = self.contacts.get(&id).is_some();
        let has_begun = self.contacts.begin(at.now, node, errand, false);
        if has_begun && !is_running {
            self.advance(at, id);
        }
        has_begun
    }
}

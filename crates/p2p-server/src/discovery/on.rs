//! The running discovery: discv4, and the database of known nodes.

#[cfg(feature = "nat")]
use std::net::SocketAddr;

use p2p_discovery::Discv4;
use p2p_mux::{
    Protocol, Sample,
    identity::{Enode, NodeId, Record},
};

use super::{ListenAddr, capabilities};
use crate::access::{Pin, PinChange};
use crate::observed::{ClockError, Counted, ReasonName, counter};
#[cfg(feature = "store")]
use crate::store::{self, NodeStore};

/// Handles of the running discovery; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Discovery {
    /// `None` if discv4 does not run.
    pub(crate) discv4: Option<Discv4>,
    #[cfg_attr(not(feature = "nat"), expect(dead_code, reason = "used for mappings of a gateway"))]
    pub(crate) listen_addr: ListenAddr,
    /// `None` if no database is configured.
    #[cfg(feature = "store")]
    pub(crate) store: Option<NodeStore>,
}

impl Discovery {
    /// The node's record, if discovery keeps it.
    pub(crate) fn record(&self) -> Option<Record> {
        self.discv4.as_ref().map(Discv4::record)
    }

    /// The node's URL with the UDP port of discovery, and the address that other nodes see.
    pub(crate) fn enode(&self, enode: &Enode) -> Option<Enode> {
        let record = self.record()?;
        Some(record.enode().unwrap_or_else(|| Enode {
            udp: record.udp().or(record.udp6()).unwrap_or_default(),
            ..enode.clone()
        }))
    }

    /// The address of the UDP socket of discv4.
    #[cfg(feature = "nat")]
    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        self.discv4.as_ref().map(Discv4::local_addr)
    }

    /// Puts the external address from a gateway into the record. While it is known, the record does not
    /// follow the address that other nodes see.
    #[cfg(feature = "nat")]
    pub(crate) async fn set_external(
        &self,
        external: crate::nat::ExternalAddr,
    ) -> Result<(), p2p_discovery::RequestError> {
        let Some(discv4) = &self.discv4 else { return Ok(()) };
        let known = external.ip.is_some();
        let change = self.listen_addr.record_change(external, discv4.local_addr().port());
        if known {
            discv4.follow_ipv4(false).await?;
        }
        discv4.update_record(change).await?;
        if !known {
            discv4.follow_ipv4(true).await?;
        }
        Ok(())
    }

    /// Puts the sub-protocols into the record.
    pub(crate) async fn set_capabilities(&self, protocols: &[Protocol]) {
        let Some(discv4) = &self.discv4 else { return };
        let capabilities = capabilities(protocols);
        // If they do not fit, the record stays as it is.
        let _ = discv4.update_record(move |content| content.set("cap", &capabilities)).await;
    }

    /// Calls `each` with every counter of discovery.
    pub(crate) fn for_each_counter(&self, each: &mut dyn FnMut(&Counted<'_>)) {
        let Some(discv4) = &self.discv4 else { return };
        discv4.for_each_counter(|counted| {
            let metric = counter(counted.metric, counted.help);
            let sample = Sample { metric, labels: counted.labels, value: counted.value };
            let reason = counted.reason.map(|name| ReasonName { group: "discovery", name });
            each(&Counted { sample, reason });
        });
    }

    /// By how much the clock of this machine is wrong.
    pub(crate) fn clock_error(&self) -> Option<ClockError> {
        self.discv4.as_ref()?.clock_offset().map(ClockError::from)
    }

    /// Whether other nodes can be asked.
    pub(crate) fn is_running(&self) -> bool {
        self.discv4.is_some()
    }

    /// Asks other nodes for the address of a node.
    pub(crate) async fn resolve(&self, id: NodeId) -> Option<Enode> {
        self.discv4.as_ref()?.resolve(id).await.ok()?.enode()
    }

    /// Records the outcome of a dial in the database, if there is one.
    #[cfg_attr(
        not(feature = "store"),
        expect(clippy::unused_self, unused_variables, reason = "used by the database")
    )]
    pub(crate) fn record_dial(&self, enode: &Enode, reached: bool) {
        #[cfg(feature = "store")]
        if let Some(store) = &self.store {
            store.record_dial_now(enode, reached);
        }
    }

    /// The nodes that are connected only over `sec/1`, from the database.
    #[cfg_attr(
        not(feature = "store"),
        expect(clippy::unused_self, reason = "used by the database")
    )]
    pub(crate) fn pins(&self) -> Vec<Pin> {
        #[cfg(feature = "store")]
        if let Some(store) = &self.store {
            return store.read_pins();
        }
        Vec::new()
    }

    /// Writes that a node is connected only over `sec/1`, if there is a database.
    #[cfg_attr(
        not(feature = "store"),
        expect(clippy::unused_async, unused_variables, reason = "used by the database")
    )]
    pub(crate) async fn save_pin(&self, change: PinChange) {
        #[cfg(feature = "store")]
        if let Some(store) = &self.store {
            store.save_pin(change).await;
        }
    }

    /// Removes what [`save_pin`](Self::save_pin) has written.
    #[cfg_attr(
        not(feature = "store"),
        expect(clippy::unused_async, unused_variables, reason = "used by the database")
    )]
    pub(crate) async fn remove_pin(&self, id: NodeId) {
        #[cfg(feature = "store")]
        if let Some(store) = &self.store {
            store.remove_pin(id).await;
        }
    }

    /// Whether damage was found in the database.
    #[cfg(feature = "store")]
    pub(crate) fn damage(&self) -> Option<node_store::Damage> {
        self.store.as_ref().map(NodeStore::damage)
    }

    /// Saves the known nodes and stops discv4.
    pub(crate) async fn stop(&self) {
        #[cfg(feature = "store")]
        if let Some(store) = &self.store {
            store::save(self.discv4.as_ref(), store).await;
        }
        if let Some(discv4) = &self.discv4 {
            discv4.stop().await;
        }
    }
}

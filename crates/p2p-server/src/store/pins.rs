//! The nodes that are connected only over `sec/1`.

use std::net::{IpAddr, Ipv6Addr};

use node_store::{
    StoreError,
    redb::{self, ReadableTable as _, WriteTransaction},
};
use p2p_mux::identity::{NodeId, causes};

use super::{NodeStore, PINS, Table};
use crate::access::{Pin, PinChange, PinRank};

/// The pins of version 1: id → when the node was last connected.
pub(super) const PINS_OF_1: Table<&[u8; 64], u64> = Table::new("pins");

impl NodeStore {
    /// All pins. An error is logged: then none is known.
    pub(crate) fn read_pins(&self) -> Vec<Pin> {
        self.pins().unwrap_or_else(|error| {
            tracing::warn!(error = %causes(&error), "cannot read the pins: nodes are accepted without sec/1");
            Vec::new()
        })
    }

    /// Writes a pin, and removes the one that was lost for it.
    pub(crate) async fn save_pin(&self, change: PinChange) {
        self.change("save a pin", move |store| store.put_pin(change)).await;
    }

    /// Removes a pin.
    pub(crate) async fn remove_pin(&self, id: NodeId) {
        self.change("remove a pin", move |store| store.take_pin(&id)).await;
    }

    /// Changes the file where it does not hold up tasks. An error is logged.
    async fn change(
        &self,
        what: &str,
        change: impl FnOnce(&Self) -> Result<(), StoreError> + Send + 'static,
    ) {
        if let Some(Err(error)) = self.run(change).await {
            tracing::warn!(error = %causes(&error), "cannot {what}");
        }
    }

    fn pins(&self) -> Result<Vec<Pin>, StoreError> {
        self.file.read(|transaction| {
            let mut pins = Vec::new();
            for entry in transaction.open_table(PINS)?.iter()? {
                let (id, value) = entry?;
                let (rank, network, seen) = value.value();
                let network = Ipv6Addr::from_bits(network).to_canonical();
                pins.push(Pin { id: NodeId(*id.value()), rank: rank_of(rank), network, seen });
            }
            Ok(pins)
        })
    }

    pub(super) fn put_pin(&self, change: PinChange) -> Result<(), StoreError> {
        let PinChange { pin: Pin { id, rank, network, seen }, displaced } = change;
        let network = match network {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        self.file.write(|transaction| {
            let mut table = transaction.open_table(PINS)?;
            table.insert(&id.0, (number_of(rank), network.to_bits(), seen))?;
            if let Some(displaced) = displaced {
                table.remove(&displaced.0)?;
            }
            Ok(())
        })
    }

    pub(super) fn take_pin(&self, id: &NodeId) -> Result<(), StoreError> {
        self.file.write(|transaction| {
            transaction.open_table(PINS)?.remove(&id.0)?;
            Ok(())
        })
    }
}

/// From version 1 to 2. The rank and the network are not known: a rank that strangers do not displace, and no network.
pub(super) fn upgrade(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    let mut old = Vec::new();
    for entry in transaction.open_table(PINS_OF_1)?.iter()? {
        let (id, seen) = entry?;
        old.push((*id.value(), seen.value()));
    }
    transaction.delete_table(PINS_OF_1)?;
    let (mut table, network) = (transaction.open_table(PINS)?, Ipv6Addr::UNSPECIFIED.to_bits());
    for (id, seen) in old {
        table.insert(&id, (number_of(PinRank::Dialed), network, seen))?;
    }
    Ok(())
}

const fn number_of(rank: PinRank) -> u8 {
    match rank {
        PinRank::Inbound => 0,
        PinRank::Dialed => 1,
        PinRank::Listed => 2,
    }
}

const fn rank_of(number: u8) -> PinRank {
    match number {
        0 => PinRank::Inbound,
        1 => PinRank::Dialed,
        _ => PinRank::Listed,
    }
}

//! The nodes that are connected only over `sec/1`.

use node_store::{
    StoreError,
    redb::{ReadableTable as _, ReadableTableMetadata as _},
};
use p2p_mux::identity::{NodeId, causes};

use super::{NodeStore, PINS};
use crate::access::{MAX_PINS, Pin};

impl NodeStore {
    /// All pins. An error is logged: then none is known.
    pub(crate) fn read_pins(&self) -> Vec<Pin> {
        self.pins().unwrap_or_else(|error| {
            tracing::warn!(error = %causes(&error), "cannot read the pins: nodes are accepted without sec/1");
            Vec::new()
        })
    }

    /// Writes a pin, which may replace the oldest.
    pub(crate) async fn save_pin(&self, pin: Pin) {
        self.change("save a pin", move |store| store.put_pin(pin)).await;
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
                let (id, seen) = entry?;
                pins.push(Pin { id: NodeId(*id.value()), seen: seen.value() });
            }
            Ok(pins)
        })
    }

    pub(super) fn put_pin(&self, pin: Pin) -> Result<(), StoreError> {
        self.file.write(|transaction| {
            let mut table = transaction.open_table(PINS)?;
            table.insert(&pin.id.0, pin.seen)?;
            if table.len()? > MAX_PINS as u64 {
                let mut oldest: Option<(u64, [u8; 64])> = None;
                for entry in table.iter()? {
                    let (id, seen) = entry?;
                    let this = (seen.value(), *id.value());
                    oldest = Some(oldest.map_or(this, |oldest| oldest.min(this)));
                }
                if let Some((_, id)) = oldest {
                    table.remove(&id)?;
                }
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

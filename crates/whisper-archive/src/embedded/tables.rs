//! The tables in the file.

use super::upgrade;
use node_store::{
    Layout, OnDamage,
    redb::{self, ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction},
};

/// Arrival number → topic.
pub(super) const ARRIVALS: TableDefinition<'_, u64, u32> = TableDefinition::new("arrivals");

/// Topic, and the arrival number with which a block was begun.
pub(super) type BlockKey = (u32, u64);

/// The envelopes, as in `block`: those of a topic are together.
pub(super) const BLOCKS: TableDefinition<'_, BlockKey, &[u8]> = TableDefinition::new("blocks");

/// Arrival number → the RLP of an envelope that is larger than a block.
pub(super) const LARGE: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("large");

/// The first 8 bytes of the hash of an envelope, and its arrival number. Two envelopes can have the same 8 bytes.
pub(super) const HASHES: TableDefinition<'_, (u64, u64), ()> = TableDefinition::new("hashes");

/// Topic → number of envelopes with it.
pub(super) const COUNTS: TableDefinition<'_, u32, u64> = TableDefinition::new("counts");

/// Hour of sending → first and last arrival number of envelopes that were sent in it. The range can contain others.
pub(super) const HOURS: TableDefinition<'_, u32, (u64, u64)> = TableDefinition::new("hours");

/// Minute of arrival → the first arrival number in it.
pub(super) const MINUTES: TableDefinition<'_, u64, u64> = TableDefinition::new("minutes");

/// The id of the archive, and its numbers.
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// In [`META`]: the id of the archive.
const ID: &str = "id";
/// In [`META`]: the newest arrival number.
pub(super) const NEWEST: &str = "newest";
/// In [`META`]: the greatest arrival number that was removed.
pub(super) const REMOVED: &str = "removed";
/// In [`META`]: bytes of all envelopes.
pub(super) const BYTES: &str = "bytes";

pub(super) const LAYOUT: Layout = Layout {
    what: "the archive",
    version: 2,
    create: |transaction| {
        transaction.open_table(ARRIVALS)?;
        transaction.open_table(BLOCKS)?;
        transaction.open_table(LARGE)?;
        transaction.open_table(HASHES)?;
        transaction.open_table(COUNTS)?;
        transaction.open_table(HOURS)?;
        transaction.open_table(MINUTES)?;
        transaction.open_table(META)?;
        Ok(())
    },
    upgrades: &[upgrade::from_1],
    on_damage: OnDamage::MoveAside,
};

/// The id of the archive, which is `fresh` if it has none yet, and the newest arrival number.
pub(super) fn identify(
    transaction: &WriteTransaction,
    fresh: [u8; 8],
) -> Result<([u8; 8], u64), redb::Error> {
    let mut meta = transaction.open_table(META)?;
    let newest = number(&meta, NEWEST)?;
    if let Some(id) = meta.get(ID)? {
        return Ok((id.value().to_be_bytes(), newest));
    }
    meta.insert(ID, u64::from_be_bytes(fresh))?;
    Ok((fresh, newest))
}

/// The minute of the newest arrival.
pub(super) fn latest_minute(transaction: &ReadTransaction) -> Result<Option<u64>, redb::Error> {
    let minutes = transaction.open_table(MINUTES)?;
    Ok(minutes.last()?.map(|(minute, _)| minute.value()))
}

/// Gives the archive another id.
pub(super) fn renew(transaction: &WriteTransaction, fresh: [u8; 8]) -> Result<(), redb::Error> {
    transaction.open_table(META)?.insert(ID, u64::from_be_bytes(fresh))?;
    Ok(())
}

/// A number in [`META`]; 0 if it is not there.
pub(super) fn number(
    meta: &impl redb::ReadableTable<&'static str, u64>,
    name: &str,
) -> Result<u64, redb::Error> {
    Ok(meta.get(name)?.map_or(0, |number| number.value()))
}

//! The tables in the file. Rows have numbers that mean nothing outside of the file: ids of keys and filters are secret.

use node_store::{
    Layout, OnDamage,
    redb::{self, TableDefinition, TableHandle as _, WriteTransaction},
};

/// The name and the type of a table whose values are encrypted.
pub(crate) type Sealed<K> = TableDefinition<'static, K, &'static [u8]>;

/// The data key, encrypted under a key that follows from the secret of the operator: [`WRAPPED`].
pub(crate) const META: Sealed<&str> = TableDefinition::new("meta");
/// In [`META`]: the data key.
pub(crate) const WRAPPED: &str = "data key";

/// In [`META`]: the private key of the node, if the store has it.
pub(crate) const NODE_KEY: &str = "node key";

/// Row → a key, with its id and its application.
pub(crate) const KEYS: Sealed<u64> = TableDefinition::new("keys");

/// Row → a filter, with its id and its application.
pub(crate) const FILTERS: Sealed<u64> = TableDefinition::new("filters");

/// Row of a filter, and number in its mailbox → a message.
pub(crate) const MESSAGES: Sealed<(u64, u64)> = TableDefinition::new("messages");

/// Row of a filter → the number of the last message that was fetched.
pub(crate) const FETCHED: Sealed<u64> = TableDefinition::new("fetched");

/// Row → a place in a history, with its name and its application.
pub(crate) const CURSORS: Sealed<u64> = TableDefinition::new("cursors");

pub(crate) const LAYOUT: Layout = Layout {
    what: "the store of keys, filters and messages",
    version: 2,
    create,
    // Version 1 had no places in histories, and no public keys beside private ones: both are read.
    upgrades: &[|transaction| {
        transaction.open_table(CURSORS)?;
        Ok(())
    }],
    // Never moved aside: what is in it is nowhere else.
    on_damage: OnDamage::Refuse,
};

/// Makes the tables of a new file. If a file lacks some of them, their names are damaged: it must not go on without what is in them.
fn create(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    let names =
        [META.name(), KEYS.name(), FILTERS.name(), MESSAGES.name(), FETCHED.name(), CURSORS.name()];
    let found = transaction.list_tables()?.filter(|table| names.contains(&table.name())).count();
    if found > 0 && found < names.len() {
        return Err(redb::Error::Corrupted("a table is missing".to_owned()));
    }
    transaction.open_table(META)?;
    transaction.open_table(KEYS)?;
    transaction.open_table(FILTERS)?;
    transaction.open_table(MESSAGES)?;
    transaction.open_table(FETCHED)?;
    transaction.open_table(CURSORS)?;
    Ok(())
}

/// Where a record belongs: its table, and its row. The third number is that in a mailbox, otherwise 0.
pub(crate) fn place(table: &str, row: u64, number: u64) -> Vec<u8> {
    let mut place = table.as_bytes().to_vec();
    place.push(0);
    place.extend_from_slice(&row.to_be_bytes());
    place.extend_from_slice(&number.to_be_bytes());
    place
}

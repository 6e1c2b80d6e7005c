//! Files of older versions.

use node_store::redb::{self, ReadableTable as _, TableDefinition, WriteTransaction};
use whisper_protocol::Envelope;

use super::{
    append::{New, write_blocks},
    row::{self, Keys},
    tables::ARRIVALS,
};

/// In version 1: arrival number → the dialect in one byte, and the RLP of the envelope.
const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

/// In version 1: topic and arrival number → time of sending and dialect.
const TOPICS: TableDefinition<'_, (u32, u64), (u32, u8)> = TableDefinition::new("topics");

/// Maximum number of envelopes that are in memory at once, and of their bytes.
const MAX_ENVELOPES: usize = 16_384;
const MAX_BYTES: usize = 16 << 20;

/// From version 1 to version 2: the envelopes of a topic are put together.
pub(super) fn from_1(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    {
        let log = transaction.open_table(LOG)?;
        if log.first()?.is_some() {
            tracing::info!(
                "the archive is rewritten once: this takes a minute for some millions of envelopes"
            );
        }
        let (mut envelopes, mut bytes) = (Vec::new(), 0);
        for entry in log.iter()? {
            let (arrival, row) = entry?;
            let (arrival, row) = (arrival.value(), row.value());
            let (dialect, raw) = row.split_first().unwrap_or((&0, &[]));
            envelopes.push((arrival, row::decode(arrival, *dialect, raw)?));
            bytes += raw.len();
            if envelopes.len() >= MAX_ENVELOPES || bytes >= MAX_BYTES {
                write(transaction, &envelopes)?;
                envelopes.clear();
                bytes = 0;
            }
        }
        write(transaction, &envelopes)?;
    }
    transaction.delete_table(LOG)?;
    transaction.delete_table(TOPICS)?;
    Ok(())
}

fn write(transaction: &WriteTransaction, envelopes: &[(u64, Envelope)]) -> Result<(), redb::Error> {
    let mut arrivals = transaction.open_table(ARRIVALS)?;
    let mut new = Vec::with_capacity(envelopes.len());
    for (arrival, envelope) in envelopes {
        let keys = Keys::of(envelope);
        arrivals.insert(arrival, keys.topic)?;
        new.push(New { envelope, keys, arrival: *arrival });
    }
    write_blocks(transaction, &mut new)
}

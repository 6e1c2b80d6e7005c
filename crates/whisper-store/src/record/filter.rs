//! The record of a filter: `[application, id, made, key id, kind of key, secret, signer, [topic..], dialect, work, direct,
//! acknowledge]`.
//!
//! `signer` is empty for any; `dialect` is 0 for both; `work` has the bits of a number with double precision.

use std::sync::Arc;

use rlp_codec::{BufMut, Encodable, List};
use whisper_protocol::{
    Client, Dialect, FilterId, FilterKey, FilterSpec, KeyId, PartialTopic, StoredFilter, StoredKey,
    Work,
};

use super::{
    Record,
    key::{read_secret, secret_parts},
    public_bytes, public_key, read_list,
};
use crate::error::RecordError;

/// The record of a filter.
pub(crate) struct FilterRecord<'a>(pub(crate) &'a StoredFilter);

impl Record for FilterRecord<'_> {
    fn with_items<T>(&self, write: impl FnOnce(&[&dyn Encodable]) -> T) -> T {
        let StoredFilter { id, application, spec, key, made } = self.0;
        let (FilterKey::Symmetric(key_id) | FilterKey::Private(key_id)) = spec.key;
        let (kind, secret) = secret_parts(key);
        let signer = public_bytes(spec.signer.as_ref());
        write(&[
            &&**application,
            &id.to_bytes(),
            made,
            &key_id.to_bytes(),
            &kind,
            &secret.as_slice(),
            &signer.as_slice(),
            &Topics(&spec.topics),
            &spec.dialect.map_or(0, Dialect::version),
            &spec.min_work.get().to_bits(),
            &spec.allow_p2p,
            &spec.acknowledge,
        ])
    }
}

/// Reads the record of a filter.
pub(crate) fn read_filter(record: &[u8]) -> Result<StoredFilter, RecordError> {
    read_list(record, |list| {
        let (application, id) = (Arc::from(list.str()?), FilterId::from_bytes(list.array()?));
        let (made, key_id) = (list.uint()?, KeyId::from_bytes(list.array()?));
        let key = read_secret(list)?;
        let spec = FilterSpec {
            key: match key {
                StoredKey::Pair(_) => FilterKey::Private(key_id),
                StoredKey::Symmetric(_) => FilterKey::Symmetric(key_id),
            },
            signer: public_key(list.bytes()?)?,
            topics: list.list(|topics| topics.each(topic))?,
            dialect: dialect(list.uint()?)?,
            min_work: work(list.uint()?)?,
            allow_p2p: list.bool()?,
            include_pooled: false,
            acknowledge: list.bool()?,
            owner: Client::default(),
        };
        Ok(StoredFilter { id, application, spec, key, made })
    })
}

/// A number has one form: no negative zero.
fn work(bits: u64) -> Result<Work, RecordError> {
    let work = Work::new(f64::from_bits(bits));
    work.filter(|work| work.get().to_bits() == bits).ok_or(RecordError::Work)
}

fn topic(list: &mut List<'_>) -> Result<PartialTopic, RecordError> {
    PartialTopic::new(list.bytes()?).map_err(|_| RecordError::Topic)
}

fn dialect(number: u8) -> Result<Option<Dialect>, RecordError> {
    match number {
        0 => Ok(None),
        5 => Ok(Some(Dialect::V5)),
        6 => Ok(Some(Dialect::V6)),
        kind => Err(RecordError::Kind { kind }),
    }
}

struct Topics<'a>(&'a [PartialTopic]);

impl Topics<'_> {
    fn with<T>(&self, write: impl FnOnce(&[&dyn Encodable]) -> T) -> T {
        let topics: Vec<_> = self.0.iter().map(PartialTopic::as_bytes).collect();
        let items: Vec<_> = topics.iter().map(|topic| topic as &dyn Encodable).collect();
        write(&items)
    }
}

impl Encodable for Topics<'_> {
    fn encode(&self, out: &mut dyn BufMut) {
        self.with(|items| rlp_codec::encode_list(out, items));
    }

    fn length(&self) -> usize {
        self.with(rlp_codec::list_length)
    }
}

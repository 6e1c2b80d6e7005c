//! The record of a message: `[content, expiry]` if it does not wait any more, otherwise `[content, expiry, hash, work, ttl, sent,
//! topic, recipient, direct, signature, signer, payload, padding]`.
//!
//! `work` has the bits of a number with double precision. What there is not is empty.

use std::sync::Arc;

use bytes::Bytes;
use rlp_codec::{Encodable, List};
use whisper_protocol::{Message, ReceivedMessage, StoredMessage, Topic};

use super::{Record, public_bytes, public_key, read_list};
use crate::error::RecordError;

/// The record of a message.
pub(crate) struct MessageRecord<'a>(pub(crate) &'a StoredMessage);

impl Record for MessageRecord<'_> {
    fn with_items<T>(&self, write: impl FnOnce(&[&dyn Encodable]) -> T) -> T {
        let StoredMessage { number: _, content, expiry, message } = self.0;
        let Some(message) = message else { return write(&[content, expiry]) };
        let ReceivedMessage { message: inner, hash, work, ttl, sent, topic, recipient, direct } =
            &**message;
        let recipient = public_bytes(recipient.as_ref());
        let signer = public_bytes(inner.signer.as_ref());
        let signature = inner.signature.as_ref().map_or(&[][..], |signature| &signature[..]);
        write(&[
            content,
            expiry,
            hash,
            &work.to_bits(),
            ttl,
            sent,
            &topic.0,
            &recipient.as_slice(),
            direct,
            &signature,
            &signer.as_slice(),
            &inner.payload,
            &inner.padding,
        ])
    }
}

/// Reads the record of the message with this number.
pub(crate) fn read_message(number: u64, record: &[u8]) -> Result<StoredMessage, RecordError> {
    read_list(record, |list| {
        let (content, expiry) = (list.array()?, list.uint()?);
        let message = if list.is_empty() { None } else { Some(Arc::new(received(list)?)) };
        Ok(StoredMessage { number, content, expiry, message })
    })
}

fn received(list: &mut List<'_>) -> Result<ReceivedMessage, RecordError> {
    let (hash, work) = (list.array()?, f64::from_bits(list.uint()?));
    if work.is_nan() || work < 0.0 {
        return Err(RecordError::Work);
    }
    let (ttl, sent, topic) = (list.uint()?, list.uint()?, Topic(list.array()?));
    let (recipient, direct) = (public_key(list.bytes()?)?, list.bool()?);
    let signature = match list.bytes()? {
        [] => None,
        bytes => Some(bytes.try_into().map_err(|_| RecordError::Key)?),
    };
    let signer = public_key(list.bytes()?)?;
    let [payload, padding] = [list.bytes()?, list.bytes()?].map(Bytes::copy_from_slice);
    let message = Message { payload, padding, signature, signer };
    Ok(ReceivedMessage { message, hash, work, ttl, sent, topic, recipient, direct })
}

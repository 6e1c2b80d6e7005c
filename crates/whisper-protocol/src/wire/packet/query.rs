//! What a request to a mail server asks for, in all forms in use.

use bytes::{Bytes, BytesMut};
use p2p_mux::rlp::{self, Item, List};
use whisper_envelope::{Bloom, Topic};

use super::{PacketError, request::bloom};

/// What a request to a mail server asks for.
///
/// Only its format is checked, not its values. The default asks for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Lower limit of the time of sending, in seconds since 1970.
    pub from: u32,
    /// Upper limit of the time of sending, in seconds since 1970; 0: the present.
    pub to: u32,
    /// The wanted topics; `None` if the request does not restrict them by a bloom.
    pub bloom: Option<Bloom>,
    /// The wanted topics. If there are any, the bloom does not count.
    pub topics: Vec<Topic>,
    /// Maximum number of envelopes; 0: the server's maximum.
    pub limit: u32,
    /// Where to continue, from the server's last answer; empty at the beginning.
    pub cursor: Bytes,
    /// Whether several envelopes may be sent in one packet.
    pub batch: bool,
}

/// How the message in a sealed request is written. All are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryForm {
    /// Fixed fields, as in go-ethereum: `from 4 ‖ to 4`, then, if they are needed, `bloom 64`, `limit 4` and `cursor 36`.
    /// Topics and `batch` cannot be written: topics become a bloom.
    Binary,
    /// `[from, to, bloom, limit, cursor, batch]`, as status-go until 0.38. Topics become a bloom.
    SixFields,
    /// `[from, to, bloom, [topic..], limit, cursor, batch]`, as status-go from 0.41 on.
    SevenFields,
    /// `[from, to, bloom, limit, cursor, [topic..]]`, as in Waku's specification of mail servers.
    TopicsLast,
}

impl Query {
    /// Reads the message in a sealed request, in any [form](QueryForm). RLP is told from the binary form by its first byte,
    /// which is the header of a list: as a time it is after 2071.
    ///
    /// # Errors
    ///
    /// [`PacketError`].
    pub fn decode(message: &[u8]) -> Result<Self, PacketError> {
        match message.first() {
            Some(0xc0..) => Self::read_list(Item::parse(message)?.items()?),
            _ => Self::read_binary(message),
        }
    }

    /// Writes the message of a sealed request.
    #[must_use]
    pub fn encode(&self, form: QueryForm) -> Bytes {
        let mut out = BytesMut::new();
        let bloom = match form {
            QueryForm::Binary | QueryForm::SixFields => self.all_topics(),
            QueryForm::SevenFields | QueryForm::TopicsLast => self.bloom,
        };
        let bloom = bloom.as_ref().map_or(&[][..], |bloom| &bloom.0);
        let (from, to, limit, cursor) = (&self.from, &self.to, &self.limit, &self.cursor);
        match form {
            QueryForm::Binary => self.write_binary(&mut out, bloom),
            QueryForm::SixFields => {
                rlp::encode_list(&mut out, &[from, to, &bloom, limit, cursor, &self.batch]);
            }
            QueryForm::SevenFields => {
                let topics = self.topics();
                rlp::encode_list(
                    &mut out,
                    &[from, to, &bloom, &topics, limit, cursor, &self.batch],
                );
            }
            QueryForm::TopicsLast => {
                rlp::encode_list(&mut out, &[from, to, &bloom, limit, cursor, &self.topics()]);
            }
        }
        out.freeze()
    }

    /// The bloom that lets through what is asked for; `None` if that is everything.
    fn all_topics(&self) -> Option<Bloom> {
        let topics = self.topics.iter().copied().map(Bloom::of).reduce(Bloom::union);
        topics.or(self.bloom)
    }

    /// What is asked for without a list of topics, which only later servers read: a bloom instead.
    pub(crate) fn without_topics(self) -> Self {
        let bloom = Some(self.all_topics().unwrap_or(Bloom::FULL));
        Self { bloom, topics: Vec::new(), ..self }
    }

    fn topics(&self) -> Vec<[u8; 4]> {
        self.topics.iter().map(|topic| topic.0).collect()
    }

    /// Reads the fields of an unencrypted request after its id: `from, to, limit, cursor, bloom`, and perhaps topics.
    pub(super) fn read_open(mut list: List<'_>) -> Result<Self, PacketError> {
        let (from, to, limit) = (list.uint()?, list.uint()?, list.uint()?);
        let cursor = Bytes::copy_from_slice(list.bytes()?);
        let bloom = optional_bloom(list.bytes()?)?;
        let topics = match list.optional()? {
            Some(item) => topics(item)?,
            None => Vec::new(),
        };
        Ok(Self { from, to, bloom, topics, limit, cursor, batch: true })
    }

    /// Writes an unencrypted request. Topics are a further element, if there are any.
    pub(super) fn encode_open(&self, id: &[u8; 32]) -> Bytes {
        let mut out = BytesMut::new();
        let bloom = self.bloom.as_ref().map_or(&[][..], |bloom| &bloom.0);
        let topics = self.topics();
        let fields: [&dyn rlp::Encodable; 7] =
            [id, &self.from, &self.to, &self.limit, &self.cursor, &bloom, &topics];
        rlp::encode_list(&mut out, &fields[..if topics.is_empty() { 6 } else { 7 }]);
        out.freeze()
    }

    /// The form follows from which element is a list of topics.
    fn read_list(mut list: List<'_>) -> Result<Self, PacketError> {
        let (from, to) = (number(list.item()?)?, number(list.item()?)?);
        let bloom = optional_bloom(list.bytes()?)?;
        let mut query = Self { from, to, bloom, ..Self::default() };
        let mut next = list.item()?;
        if next.is_list() {
            query.topics = topics(next)?;
            next = list.item()?;
        }
        query.limit = number(next)?;
        if let Some(cursor) = list.optional()? {
            query.cursor = Bytes::copy_from_slice(cursor.bytes()?);
        }
        match list.optional()? {
            Some(last) if last.is_list() => query.topics = topics(last)?,
            Some(last) => query.batch = number(last)? != 0,
            None => {}
        }
        Ok(query)
    }

    fn read_binary(message: &[u8]) -> Result<Self, PacketError> {
        let wrong = PacketError::Query { length: message.len() };
        let (from, rest) = message.split_first_chunk().ok_or(wrong)?;
        let (to, rest) = rest.split_first_chunk().ok_or(wrong)?;
        let (from, to) = (u32::from_be_bytes(*from), u32::from_be_bytes(*to));
        let (bloom, rest) = match rest.split_first_chunk() {
            Some((bloom, rest)) => (Some(Bloom(*bloom)), rest),
            None if rest.is_empty() => (None, rest),
            None => return Err(wrong),
        };
        let (limit, rest) = match rest.split_first_chunk() {
            Some((limit, rest)) => (u32::from_be_bytes(*limit), rest),
            None => (0, &[][..]),
        };
        // 40 is what status-go expects here, 36 what its servers return.
        let cursor = match rest.len() {
            36 | 40 => Bytes::copy_from_slice(rest),
            _ => Bytes::new(),
        };
        Ok(Self { from, to, bloom, limit, cursor, ..Self::default() })
    }

    fn write_binary(&self, out: &mut BytesMut, bloom: &[u8]) {
        out.extend_from_slice(&self.from.to_be_bytes());
        out.extend_from_slice(&self.to.to_be_bytes());
        let more = self.limit != 0 || !self.cursor.is_empty();
        match bloom {
            [] if more => out.extend_from_slice(&[0xff; Bloom::LEN]),
            bloom => out.extend_from_slice(bloom),
        }
        if more {
            out.extend_from_slice(&self.limit.to_be_bytes());
            out.extend_from_slice(&self.cursor);
        }
    }
}

fn optional_bloom(bytes: &[u8]) -> Result<Option<Bloom>, PacketError> {
    match bytes {
        [] => Ok(None),
        bytes => Ok(Some(bloom(bytes)?)),
    }
}

fn topics(item: Item<'_>) -> Result<Vec<Topic>, PacketError> {
    let mut topics = Vec::new();
    let mut list = item.items()?;
    while let Some(topic) = list.optional()? {
        topics.push(Topic(topic.array()?));
    }
    Ok(topics)
}

/// A number, or four bytes with leading zeros: Waku's specification draws them so.
fn number(item: Item<'_>) -> Result<u32, PacketError> {
    match item.bytes()?.try_into() {
        Ok(bytes) => Ok(u32::from_be_bytes(bytes)),
        Err(_) => item.uint().map_err(PacketError::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> Query {
        Query {
            from: 1_700_000_000,
            to: 1_700_003_600,
            bloom: Some(Bloom::of(Topic(*b"test"))),
            topics: vec![Topic(*b"test"), Topic(*b"news")],
            limit: 100,
            cursor: Bytes::from_static(&[1; 36]),
            batch: true,
        }
    }

    fn both() -> Bloom {
        Bloom::of(Topic(*b"test")).union(Bloom::of(Topic(*b"news")))
    }

    #[test]
    fn every_form_is_read() {
        let (none, query) = (Vec::new(), query());
        for (form, read) in [
            (
                QueryForm::Binary,
                Query { bloom: Some(both()), topics: none.clone(), batch: false, ..query.clone() },
            ),
            (QueryForm::SixFields, Query { bloom: Some(both()), topics: none, ..query.clone() }),
            (QueryForm::SevenFields, query.clone()),
            (QueryForm::TopicsLast, Query { batch: false, ..query.clone() }),
        ] {
            assert_eq!(Query::decode(&query.encode(form)), Ok(read), "{form:?}");
        }
    }

    #[test]
    fn short_forms_are_read() {
        let mut out = Vec::new();
        rlp::encode_list(&mut out, &[&1_u8, &2_u8, &"", &3_u8]);
        let short = Query { from: 1, to: 2, limit: 3, ..Query::default() };
        assert_eq!(Query::decode(&out), Ok(short.clone()));
        out.clear();
        let four = |number: u32| number.to_be_bytes();
        rlp::encode_list(&mut out, &[&four(1), &four(2), &"", &four(3), &""]);
        assert_eq!(Query::decode(&out), Ok(short.clone()), "numbers of four bytes");

        let all = Query { limit: 0, ..short };
        assert_eq!(all.encode(QueryForm::Binary).len(), 8);
        for length in [8, 72, 76, 112, 116, 200] {
            let mut message = vec![0xff; length];
            message[..8].copy_from_slice(&[0, 0, 0, 1, 0, 0, 0, 2]);
            let read = Query::decode(&message).unwrap();
            assert_eq!((read.from, read.to), (1, 2));
            assert_eq!(read.bloom.is_some(), length >= 72);
            assert_eq!(read.limit, if length >= 76 { u32::MAX } else { 0 });
            let cursor = [112, 116].contains(&length).then(|| length - 76);
            assert_eq!(read.cursor.len(), cursor.unwrap_or(0), "{length}");
        }
    }

    #[test]
    fn a_binary_query_without_bloom_but_with_a_limit_asks_for_every_topic() {
        let every = Query { bloom: None, topics: Vec::new(), cursor: Bytes::new(), ..query() };
        let read = Query::decode(&every.encode(QueryForm::Binary)).unwrap();
        assert_eq!((read.bloom, read.limit), (Some(Bloom([0xff; 64])), 100));
    }

    #[test]
    fn other_lengths_are_refused() {
        for length in (0..8).chain(9..72) {
            let refused = Query::decode(&vec![0; length]);
            assert_eq!(refused, Err(PacketError::Query { length }));
        }
        let whole = query().encode(QueryForm::SevenFields);
        for length in 1..whole.len() {
            assert!(Query::decode(&whole[..length]).is_err(), "{length}");
        }
        let mut out = Vec::new();
        rlp::encode_list(&mut out, &[&1_u8, &2_u8, &"short", &3_u8]);
        assert_eq!(Query::decode(&out), Err(PacketError::Bloom { length: 5 }));
        out.clear();
        rlp::encode_list(&mut out, &[&1_u8, &2_u8, &"", &vec![*b"five!"], &3_u8, &"", &1_u8]);
        assert!(matches!(Query::decode(&out), Err(PacketError::Rlp(_))), "a topic of five bytes");
        out.clear();
        rlp::encode_list(&mut out, &[&u64::MAX, &2_u8, &"", &3_u8]);
        assert!(matches!(Query::decode(&out), Err(PacketError::Rlp(_))), "a time beyond 32 bits");
    }
}

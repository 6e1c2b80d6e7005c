//! The id of a separate network, and its entry in node records.

use p2p_identity::Record;
use rlp_codec::{BufMut, Encodable};

/// The key of the network id in a node record.
pub(crate) const RECORD_KEY: &str = "net";

/// The id of a separate network. A node belongs to the network if its record names the same id.
///
/// In a node record it is the integer under the key `net`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NetworkId(pub u64);

impl NetworkId {
    /// Whether `record` names this network.
    #[must_use]
    pub fn is_of(self, record: &Record) -> bool {
        Self::named_in(record) == Some(self)
    }

    /// The network that `record` names.
    #[must_use]
    pub fn named_in(record: &Record) -> Option<Self> {
        record.get(RECORD_KEY).map(Self)
    }
}

impl Encodable for NetworkId {
    fn encode(&self, out: &mut dyn BufMut) {
        self.0.encode(out);
    }

    fn length(&self) -> usize {
        self.0.length()
    }
}

//! Capabilities, and the negotiation of the sub-protocols of a connection and their message ids.

use core::fmt;
use std::collections::BTreeMap;

use rlp_codec::{BufMut, Encodable, Error, Item, encode_list, list_length};

use crate::{base, slot::SlotSettings};

/// Maximum number of characters of a name, by the specification.
const MAX_NAME: usize = 8;

/// The name and version of a sub-protocol, as announced in Hello: `shh/6`.
///
/// The specification allows eight ASCII characters for the name; longer ones are accepted, up to
/// what fits into Hello. Ordered by name, then version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability {
    /// The name. From a peer it may contain anything; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// The version.
    pub version: u64,
}

impl Capability {
    /// The capability `name/version`.
    #[must_use]
    pub fn new(name: impl Into<String>, version: u64) -> Self {
        Self { name: name.into(), version }
    }

    /// Whether the name is one that the specification allows: 1 to 8 visible ASCII characters. Other implementations may
    /// disconnect from a node that announces another name.
    #[must_use]
    pub fn has_valid_name(&self) -> bool {
        (1..=MAX_NAME).contains(&self.name.len())
            && self.name.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// Decodes `[name, version, ...]`.
    pub(crate) fn read(item: &Item<'_>) -> Result<Self, Error> {
        item.open_list(|list| {
            let name = String::from_utf8_lossy(list.bytes()?).into_owned();
            Ok(Self { name, version: list.uint()? })
        })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.version)
    }
}

impl Encodable for Capability {
    fn encode(&self, out: &mut dyn BufMut) {
        encode_list(out, &[&self.name, &self.version]);
    }

    fn length(&self) -> usize {
        list_length(&[&self.name, &self.version])
    }
}

/// A sub-protocol that this end can run, without the function that runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Name and version.
    pub capability: Capability,
    /// Number of message codes. Both ends must agree on it; otherwise the message ids of all later
    /// sub-protocols differ.
    pub length: u64,
    /// What it may use of the connection.
    pub settings: SlotSettings,
}

/// A sub-protocol that both ends can run, with its message ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedCapability {
    /// Index of the local offer.
    pub offer: usize,
    /// Name and version.
    pub capability: Capability,
    /// Message id of its code 0.
    pub offset: u64,
    /// Number of message codes.
    pub length: u64,
}

/// Returns the sub-protocols that both ends can run: those in `offers` that the peer has announced in
/// `remote`.
///
/// For each name it is the highest common version. They are sorted by name, and each has as many
/// message ids as codes, from 0x10 on (RLPx, "Capability Messaging"). Both ends get the same result. If
/// a capability is offered twice, the first offer counts.
///
/// A hostile peer can make this compare as many capabilities as fit into a Hello of 2 KiB.
#[must_use]
pub fn negotiate(offers: &[Offer], remote: &[Capability]) -> Vec<SharedCapability> {
    let mut highest: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, offer) in offers.iter().enumerate() {
        if !remote.contains(&offer.capability) {
            continue;
        }
        let best = highest.entry(&offer.capability.name).or_insert(index);
        if offers[*best].capability.version < offer.capability.version {
            *best = index;
        }
    }
    let mut next = base::LENGTH;
    highest
        .into_values()
        .map(|index| {
            let Offer { capability, length, .. } = &offers[index];
            let offset = next;
            next = next.saturating_add(*length);
            SharedCapability {
                offer: index,
                capability: capability.clone(),
                offset,
                length: *length,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offers(list: &[(&str, u64, u64)]) -> Vec<Offer> {
        list.iter()
            .map(|&(name, version, length)| Offer {
                capability: Capability::new(name, version),
                length,
                settings: SlotSettings::default(),
            })
            .collect()
    }

    fn announced(list: &[(&str, u64)]) -> Vec<Capability> {
        list.iter().map(|&(name, version)| Capability::new(name, version)).collect()
    }

    /// Capability and offset of the shared sub-protocols.
    fn outcome(local: &[(&str, u64, u64)], remote: &[(&str, u64)]) -> Vec<(String, u64)> {
        negotiate(&offers(local), &announced(remote))
            .into_iter()
            .map(|shared| (shared.capability.to_string(), shared.offset))
            .collect()
    }

    #[test]
    fn ids_start_at_sixteen_in_order_of_names() {
        let only_shh = outcome(&[("shh", 6, 128)], &[("shh", 6)]);
        assert_eq!(only_shh, [("shh/6".into(), 16)]);
        // The order of the lists does not matter.
        let beside_eth =
            outcome(&[("shh", 6, 128), ("eth", 63, 17)], &[("shh", 6), ("eth", 63), ("eth", 62)]);
        assert_eq!(beside_eth, [("eth/63".into(), 16), ("shh/6".into(), 33)]);
    }

    #[test]
    fn only_the_highest_shared_version_gets_ids() {
        let local = [("shh", 5, 64), ("shh", 6, 128), ("shh", 7, 9), ("x", 1, 1)];
        let remote = [("shh", 6), ("shh", 5), ("shh", 8), ("x", 1)];
        assert_eq!(outcome(&local, &remote), [("shh/6".into(), 16), ("x/1".into(), 144)]);
    }

    #[test]
    fn versions_compare_as_numbers_and_names_as_bytes() {
        let local = [("p", 9, 1), ("p", 10, 2), ("Z", 1, 3), ("pp", 1, 4)];
        let remote = [("p", 9), ("p", 10), ("Z", 1), ("pp", 1)];
        let expected = [("Z/1".into(), 16), ("p/10".into(), 19), ("pp/1".into(), 21)];
        assert_eq!(outcome(&local, &remote), expected);
    }

    #[test]
    fn the_first_of_two_equal_offers_counts() {
        let local = [("a", 1, 5), ("a", 1, 7), ("b", 1, 1)];
        assert_eq!(
            outcome(&local, &[("b", 1), ("a", 1), ("a", 1)]),
            [("a/1".into(), 16), ("b/1".into(), 21)]
        );
    }

    #[test]
    fn nothing_is_shared_if_names_or_versions_differ() {
        assert!(outcome(&[("shh", 6, 128)], &[("shh", 5), ("eth", 6), ("SHH", 6)]).is_empty());
        assert!(outcome(&[], &[("shh", 5)]).is_empty());
    }

    fn some_offers() -> impl Strategy<Value = Vec<Offer>> {
        // The length is a function of name and version, as both ends must agree on it.
        let one = ("[abAB]{1,2}", 1..5u64).prop_map(|(name, version)| Offer {
            length: version * 7 + name.len() as u64,
            capability: Capability::new(name, version),
            settings: SlotSettings::default(),
        });
        proptest::collection::vec(one, 0..12)
    }

    proptest! {
        #[test]
        fn both_ends_compute_the_same_ids(here in some_offers(), there in some_offers()) {
            let names = |offers: &[Offer]| -> Vec<_> { offers.iter().map(|o| o.capability.clone()).collect() };
            let ours = negotiate(&here, &names(&there));
            let theirs = negotiate(&there, &names(&here));
            let seen = |shared: &[SharedCapability]| -> Vec<_> {
                shared.iter().map(|s| (s.capability.clone(), s.offset, s.length)).collect()
            };
            prop_assert_eq!(seen(&ours), seen(&theirs));
            // The ranges begin after the base protocol and do not overlap.
            let mut next = base::LENGTH;
            for shared in &ours {
                prop_assert_eq!(shared.offset, next);
                next += shared.length;
            }
        }
    }
}

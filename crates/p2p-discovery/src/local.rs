//! This node itself: its key, its record, and where it is.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use p2p_identity::{Content, NodeId, Record, RecordError, SecretKey};
use rlp_codec::{BufMut, Encodable};

use crate::outside::Outside;
use crate::v4::{Endpoint, Packet, PacketError, SealedPacket};
use crate::{Discv4Config, Event, NetworkId};

/// The key of the network's id in a record.
const NET: &str = "net";

/// Who we are and where, as far as it is known.
#[derive(Debug)]
pub(crate) struct Local {
    key: SecretKey,
    id: NodeId,
    record: Record,
    outside: Outside,
    /// What the majority of peers said last: IPv4 and IPv6.
    seen: [Option<SocketAddr>; 2],
    /// Whether somebody else knows our IPv4 address better than peers do.
    ipv4_is_known: bool,
}

impl Local {
    pub(crate) fn new(
        config: &Discv4Config,
        key: SecretKey,
        record: &Record,
    ) -> Result<Self, RecordError> {
        let content = with_network(record.content(), config.network);
        let record = record.update(&key, &content)?;
        let (id, outside) = (key.id(), Outside::default());
        Ok(Self { id, key, record, outside, seen: [None; 2], ipv4_is_known: false })
    }

    pub(crate) const fn id(&self) -> NodeId {
        self.id
    }

    pub(crate) const fn record(&self) -> &Record {
        &self.record
    }

    /// Where we are, for pings: nobody relies on it.
    pub(crate) fn endpoint(&self) -> Endpoint {
        let unknown = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let seen = self.seen[0].or(self.seen[1]).unwrap_or(unknown);
        self.record.enode().and_then(|enode| crate::Node::from_enode(&enode)).map_or_else(
            || Endpoint::new(seen, self.record.tcp().unwrap_or_default()),
            |node| node.endpoint,
        )
    }

    pub(crate) fn seal(&self, packet: &Packet) -> Result<SealedPacket, PacketError> {
        packet.seal(&self.key)
    }

    /// Changes what the record says. Returns the new one if it is one.
    pub(crate) fn update(
        &mut self,
        network: Option<NetworkId>,
        change: impl FnOnce(Content) -> Content,
    ) -> Result<Option<Record>, RecordError> {
        let content = with_network(change(self.record.content()), network);
        let record = self.record.update(&self.key, &content)?;
        if record == self.record {
            return Ok(None);
        }
        self.record = record;
        Ok(Some(self.record.clone()))
    }

    /// The node at `peer` says that we are at `address`. What follows from it.
    pub(crate) fn hear(
        &mut self,
        now: Instant,
        config: &Discv4Config,
        peer: IpAddr,
        address: SocketAddr,
    ) -> Vec<Event> {
        let is_ipv4 = address.is_ipv4();
        self.outside.vote(now, peer, address);
        let seen = self.outside.majority(now, is_ipv4, config.min_endpoint_votes);
        let before = &mut self.seen[usize::from(!is_ipv4)];
        let Some(seen) = seen.filter(|seen| *before != Some(*seen)) else { return Vec::new() };
        *before = Some(seen);
        let mut events = vec![Event::ExternalAddr(seen)];
        events.extend(self.follow(config, seen).map(Event::RecordChanged));
        events
    }

    /// Whether the record follows peers in what they say of our IPv4 address; if it does again, what
    /// they said last holds at once. Returns the new record if it is one.
    pub(crate) fn follow_ipv4(&mut self, config: &Discv4Config, follow: bool) -> Option<Record> {
        self.ipv4_is_known = !follow;
        self.seen[0].and_then(|seen| self.follow(config, seen))
    }

    /// Puts into the record what peers see, unless something else counts more.
    fn follow(&mut self, config: &Discv4Config, seen: SocketAddr) -> Option<Record> {
        if !config.follow_peers || (seen.is_ipv4() && self.ipv4_is_known) {
            return None;
        }
        // A record that has no room for an address says the same as before.
        self.update(config.network, |content| at(content, seen)).ok().flatten()
    }
}

/// `content` with the address, and the port under the name that goes with it.
fn at(content: Content, address: SocketAddr) -> Content {
    let content = content.ip(address.ip());
    if address.is_ipv4() { content.udp(address.port()) } else { content.udp6(address.port()) }
}

/// `content` with the id of the network, which nobody else may set or leave out.
fn with_network(content: Content, network: Option<NetworkId>) -> Content {
    match network {
        Some(network) => content.set(NET, &network),
        None => content,
    }
}

/// Whether the node of this record is in the network `id`.
pub(crate) fn is_of(record: &Record, id: NetworkId) -> bool {
    record.get::<u64>(NET) == Some(id.0)
}

impl Encodable for NetworkId {
    fn encode(&self, out: &mut dyn BufMut) {
        self.0.encode(out);
    }

    fn length(&self) -> usize {
        self.0.length()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(config: &Discv4Config) -> Local {
        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let content = Content::new().ip([10, 0, 0, 7].into()).tcp(30303).udp(30303);
        let record = Record::sign(&key, 5, &content).unwrap();
        Local::new(config, key, &record).unwrap()
    }

    /// What follows when nodes at so many addresses say the same.
    fn hear(local: &mut Local, config: &Discv4Config, peers: u8, address: &str) -> Vec<Event> {
        let peers = (1..=peers).map(|number| IpAddr::from([number, 1, 1, 1]));
        let now = Instant::now();
        peers.flat_map(|peer| local.hear(now, config, peer, address.parse().unwrap())).collect()
    }

    #[test]
    fn the_record_follows_the_majority_and_its_sequence_rises() {
        let config = Discv4Config::new();
        let mut local = local(&config);
        assert_eq!(local.record().sequence(), 5);
        assert_eq!(hear(&mut local, &config, 2, "1.2.3.4:40404"), [], "two are no quorum");
        let events = hear(&mut local, &config, 3, "1.2.3.4:40404");
        let record = local.record().clone();
        assert_eq!(
            (record.sequence(), record.ip(), record.udp()),
            (6, Some([1, 2, 3, 4].into()), Some(40404))
        );
        assert_eq!(record.tcp(), Some(30303), "the rest stays");
        let seen = "1.2.3.4:40404".parse().unwrap();
        assert_eq!(events, [Event::ExternalAddr(seen), Event::RecordChanged(record)]);
        assert_eq!(hear(&mut local, &config, 9, "1.2.3.4:40404"), [], "nothing new");
        hear(&mut local, &config, 3, "[2606:4700::7]:50505");
        assert_eq!(local.record().udp6(), Some(50505));
        assert_eq!((local.record().udp(), local.record().sequence()), (Some(40404), 7));
    }

    #[test]
    fn a_record_that_does_not_follow_stays() {
        let config = Discv4Config::new().follow_peers(false);
        let mut local = local(&config);
        let seen = "1.2.3.4:40404".parse().unwrap();
        assert_eq!(hear(&mut local, &config, 3, "1.2.3.4:40404"), [Event::ExternalAddr(seen)]);
        assert_eq!(local.record().sequence(), 5);
    }

    #[test]
    fn what_is_known_of_ipv4_counts_more_than_peers_as_long_as_it_is_known() {
        let config = Discv4Config::new();
        let mut local = local(&config);
        assert_eq!(local.follow_ipv4(&config, false), None);
        let events = hear(&mut local, &config, 3, "1.2.3.4:40404");
        assert_eq!(events, [Event::ExternalAddr("1.2.3.4:40404".parse().unwrap())]);
        assert_eq!(local.record().ip(), Some([10, 0, 0, 7].into()));
        hear(&mut local, &config, 3, "[2606:4700::7]:50505");
        assert_eq!(local.record().udp6(), Some(50505), "IPv6 is another matter");
        let record = local.follow_ipv4(&config, true).expect("a new record");
        assert_eq!((record.ip(), record.udp()), (Some([1, 2, 3, 4].into()), Some(40404)));
        assert_eq!(local.follow_ipv4(&config, true), None, "nothing new");
    }

    #[test]
    fn the_network_is_in_the_record() {
        let config = Discv4Config::new().network(NetworkId(77));
        let mut local = local(&config);
        assert_eq!(local.record().sequence(), 6);
        assert!(is_of(local.record(), NetworkId(77)) && !is_of(local.record(), NetworkId(7)));
        let change = |content: Content| content.without("net").set("shh", &6u8);
        assert!(local.update(config.network, change).unwrap().is_some());
        assert!(is_of(local.record(), NetworkId(77)), "and stays there");
        assert_eq!(local.update(config.network, |content| content), Ok(None));
    }
}

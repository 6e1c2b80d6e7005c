//! This node itself: its key, its record and its external address.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use p2p_identity::{Content, NodeId, Record, RecordError, SecretKey};

use super::external_addr::AddressVotes;
use crate::config::Discv4Config;
use crate::event::Event;
use crate::network::{NetworkId, RECORD_KEY};
use crate::node::Node;
use crate::v4::{DatagramError, Endpoint, Packet, SealedPacket};

/// The key and record of this node, and the addresses that peers report.
#[derive(Debug)]
pub(super) struct LocalNode {
    key: SecretKey,
    id: NodeId,
    record: Record,
    votes: AddressVotes,
    /// The IPv4 and the IPv6 address that the majority of peers reported last.
    reported: [Option<SocketAddr>; 2],
    /// Whether the record follows the IPv4 address that peers report.
    follows_ipv4: bool,
}

impl LocalNode {
    pub(super) fn new(
        config: &Discv4Config,
        key: SecretKey,
        record: &Record,
    ) -> Result<Self, RecordError> {
        let content = with_network(record.content(), config.network);
        let record = record.update(&key, &content)?;
        let (id, votes) = (key.id(), AddressVotes::new(config.own_networks.clone()));
        Ok(Self { id, key, record, votes, reported: [None; 2], follows_ipv4: true })
    }

    pub(super) const fn id(&self) -> NodeId {
        self.id
    }

    pub(super) const fn record(&self) -> &Record {
        &self.record
    }

    /// The own endpoint as pings name it. Recipients use only its TCP port.
    pub(super) fn endpoint(&self) -> Endpoint {
        let unknown = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let reported = self.reported[0].or(self.reported[1]).unwrap_or(unknown);
        self.record.enode().and_then(|enode| Node::from_enode(&enode)).map_or_else(
            || Endpoint::new(reported, self.record.tcp().unwrap_or_default()),
            |node| node.endpoint,
        )
    }

    pub(super) fn seal(&self, packet: &Packet) -> Result<SealedPacket, DatagramError> {
        packet.seal(&self.key)
    }

    /// Changes the record. Returns the new record if its content has changed.
    pub(super) fn update(
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

    /// The node at `peer` sees this node at `address`. Returns the events that follow.
    pub(super) fn handle_report(
        &mut self,
        now: Instant,
        config: &Discv4Config,
        peer: IpAddr,
        address: SocketAddr,
    ) -> Vec<Event> {
        let is_ipv4 = address.is_ipv4();
        self.votes.add(now, peer, address);
        let reported = self.votes.majority(now, is_ipv4, config.min_endpoint_votes);
        let before = &mut self.reported[usize::from(!is_ipv4)];
        let Some(reported) = reported.filter(|reported| *before != Some(*reported)) else {
            return Vec::new();
        };
        *before = Some(reported);
        let mut events = vec![Event::ExternalAddr(reported)];
        events.extend(self.follow(config, reported).map(Event::RecordChanged));
        events
    }

    /// Sets whether the record follows the IPv4 address that peers report. When it is switched on,
    /// the last reported address is taken. Returns the new record if it has changed.
    pub(super) fn follow_ipv4(&mut self, config: &Discv4Config, follow: bool) -> Option<Record> {
        self.follows_ipv4 = follow;
        self.reported[0].and_then(|reported| self.follow(config, reported))
    }

    /// Writes a reported address into the record, unless the record is not to follow it.
    fn follow(&mut self, config: &Discv4Config, reported: SocketAddr) -> Option<Record> {
        if !config.follow_peers || (reported.is_ipv4() && !self.follows_ipv4) {
            return None;
        }
        // If the record has no room for the address, it stays as it is.
        self.update(config.network, |content| with_address(content, reported)).ok().flatten()
    }
}

/// `content` with this address, and its port under the key of its family.
fn with_address(content: Content, address: SocketAddr) -> Content {
    let content = content.ip(address.ip());
    if address.is_ipv4() { content.udp(address.port()) } else { content.udp6(address.port()) }
}

/// `content` with the id of the network, which a change of the record cannot remove.
fn with_network(content: Content, network: Option<NetworkId>) -> Content {
    match network {
        Some(network) => content.set(RECORD_KEY, &network),
        None => content,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(config: &Discv4Config) -> LocalNode {
        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let content = Content::new().ip([10, 0, 0, 7].into()).tcp(30303).udp(30303);
        let record = Record::sign(&key, 5, &content).unwrap();
        LocalNode::new(config, key, &record).unwrap()
    }

    /// The events when nodes at `peers` addresses report the same address.
    fn report(
        local: &mut LocalNode,
        config: &Discv4Config,
        peers: u8,
        address: &str,
    ) -> Vec<Event> {
        let peers = (1..=peers).map(|number| IpAddr::from([number, 1, 1, 1]));
        let now = Instant::now();
        peers
            .flat_map(|peer| local.handle_report(now, config, peer, address.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_record_follows_the_majority_and_its_sequence_rises() {
        let config = Discv4Config::new();
        let mut local = local(&config);
        assert_eq!(local.record().sequence(), 5);
        assert_eq!(report(&mut local, &config, 2, "1.2.3.4:40404"), [], "below the quorum");
        let events = report(&mut local, &config, 3, "1.2.3.4:40404");
        let record = local.record().clone();
        assert_eq!(
            (record.sequence(), record.ip(), record.udp()),
            (6, Some([1, 2, 3, 4].into()), Some(40404))
        );
        assert_eq!(record.tcp(), Some(30303), "the rest is unchanged");
        let address = "1.2.3.4:40404".parse().unwrap();
        assert_eq!(events, [Event::ExternalAddr(address), Event::RecordChanged(record)]);
        assert_eq!(report(&mut local, &config, 9, "1.2.3.4:40404"), [], "nothing new");
        report(&mut local, &config, 3, "[2606:4700::7]:50505");
        assert_eq!(local.record().udp6(), Some(50505));
        assert_eq!((local.record().udp(), local.record().sequence()), (Some(40404), 7));
    }

    #[test]
    fn a_record_that_does_not_follow_peers_is_unchanged() {
        let config = Discv4Config::new().follow_peers(false);
        let mut local = local(&config);
        let address = "1.2.3.4:40404".parse().unwrap();
        assert_eq!(report(&mut local, &config, 3, "1.2.3.4:40404"), [Event::ExternalAddr(address)]);
        assert_eq!(local.record().sequence(), 5);
    }

    #[test]
    fn the_record_does_not_follow_ipv4_while_that_is_switched_off() {
        let config = Discv4Config::new();
        let mut local = local(&config);
        assert_eq!(local.follow_ipv4(&config, false), None);
        let events = report(&mut local, &config, 3, "1.2.3.4:40404");
        assert_eq!(events, [Event::ExternalAddr("1.2.3.4:40404".parse().unwrap())]);
        assert_eq!(local.record().ip(), Some([10, 0, 0, 7].into()));
        report(&mut local, &config, 3, "[2606:4700::7]:50505");
        assert_eq!(local.record().udp6(), Some(50505), "IPv6 is followed");
        let record = local.follow_ipv4(&config, true).expect("a new record");
        assert_eq!((record.ip(), record.udp()), (Some([1, 2, 3, 4].into()), Some(40404)));
        assert_eq!(local.follow_ipv4(&config, true), None, "nothing new");
    }

    #[test]
    fn the_network_is_in_the_record() {
        let config = Discv4Config::new().network(NetworkId(77));
        let mut local = local(&config);
        assert_eq!(local.record().sequence(), 6);
        assert!(NetworkId(77).is_of(local.record()) && !NetworkId(7).is_of(local.record()));
        let change = |content: Content| content.without("net").set("shh", &6u8);
        assert!(local.update(config.network, change).unwrap().is_some());
        assert!(NetworkId(77).is_of(local.record()), "it cannot be removed");
        assert_eq!(local.update(config.network, |content| content), Ok(None));
    }
}

//! What the node announces about itself: its Hello, its record and its external address.

use std::time::SystemTime;

use p2p_mux::{
    Capability, LocalNode, Protocol,
    identity::{Content, Enode, Record, SecretKey},
};

use crate::discovery::{capabilities, first_sequence};
#[cfg(feature = "nat")]
use crate::nat::ExternalAddr;

/// What the node announces about itself.
pub(crate) struct Announced {
    /// The data of its Hello, and the sub-protocols that it runs.
    local: LocalNode,
    /// The last record that was signed, if any.
    record: Option<Record>,
    #[cfg(feature = "nat")]
    external: ExternalAddr,
}

impl Announced {
    pub(crate) fn new(local: LocalNode) -> Self {
        Self {
            local,
            record: None,
            #[cfg(feature = "nat")]
            external: ExternalAddr::default(),
        }
    }

    /// The data for a Hello exchange that begins now.
    pub(crate) const fn local(&self) -> &LocalNode {
        &self.local
    }

    /// The sub-protocols.
    pub(crate) fn protocols(&self) -> &[Protocol] {
        &self.local.protocols
    }

    /// Replaces the sub-protocols.
    pub(crate) fn set_protocols(&mut self, protocols: Vec<Protocol>) {
        self.local.protocols = protocols;
    }

    /// Whether the node runs this sub-protocol.
    pub(crate) fn runs(&self, capability: &Capability) -> bool {
        self.position(capability).is_some()
    }

    /// Adds a sub-protocol, unless the Hello would be longer than `max_hello` bytes; then returns that
    /// length.
    pub(crate) fn add_protocol(
        &mut self,
        protocol: Protocol,
        connection: &p2p_mux::Config,
        max_hello: usize,
    ) -> Result<(), usize> {
        self.local.protocols.push(protocol);
        let bytes = self.hello_length(connection);
        if bytes > max_hello {
            self.local.protocols.pop();
            return Err(bytes);
        }
        Ok(())
    }

    /// Removes a sub-protocol. It is returned so that the caller can drop it outside a lock.
    pub(crate) fn remove_protocol(&mut self, capability: &Capability) -> Option<Protocol> {
        self.position(capability).map(|position| self.local.protocols.remove(position))
    }

    /// The length of the Hello, in bytes.
    pub(crate) fn hello_length(&self, connection: &p2p_mux::Config) -> usize {
        let longest = p2p_mux::Config { announce_sec: true, ..*connection };
        self.local.hello(&longest).encode().len()
    }

    /// The signed record of a node at this URL. It has the sub-protocols too if they fit. If the content
    /// has changed since the last call, the sequence number is higher. `now`: for the first sequence number.
    pub(crate) fn record(
        &mut self,
        key: &SecretKey,
        enode: &Enode,
        now: SystemTime,
    ) -> Option<Record> {
        let address = Content::of(enode);
        let full = address.clone().set("cap", &capabilities(self.protocols()));
        let last = self.record.take();
        let sign = |content: &Content| match &last {
            Some(last) => last.update(key, content),
            None => Record::sign(key, first_sequence(now), content),
        };
        // An address and two ports always fit.
        self.record = sign(&full).or_else(|_| sign(&address)).ok().or(last);
        self.record.clone()
    }

    /// The node's URL with the external address from the gateway, if there is one.
    #[cfg(feature = "nat")]
    pub(crate) fn external_enode(&self, enode: &Enode) -> Enode {
        self.external.enode(enode)
    }

    #[cfg(not(feature = "nat"))]
    #[expect(clippy::unused_self, reason = "with the feature nat it is used")]
    pub(crate) fn external_enode(&self, enode: &Enode) -> Enode {
        enode.clone()
    }

    /// The external address from the gateway.
    #[cfg(feature = "nat")]
    pub(crate) const fn external_ip(&self) -> Option<std::net::Ipv4Addr> {
        self.external.ip
    }

    /// Sets the external address. Returns whether it has changed.
    #[cfg(feature = "nat")]
    pub(crate) fn set_external(&mut self, external: ExternalAddr) -> bool {
        let changed = self.external != external;
        self.external = external;
        changed
    }

    fn position(&self, capability: &Capability) -> Option<usize> {
        self.local.protocols.iter().position(|protocol| protocol.capability() == capability)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn protocol(name: &'static str) -> Protocol {
        Protocol::new(name, 1, 1, |_peer, _channel| async { Ok(()) })
    }

    fn announced(key: &SecretKey) -> Announced {
        let local = LocalNode { client: "test".into(), protocols: vec![], port: 0, id: key.id() };
        Announced::new(local)
    }

    #[test]
    fn a_sub_protocol_is_added_only_if_the_hello_stays_short_enough() {
        let key = SecretKey::from_bytes(&[1; 32]).unwrap();
        let (mut announced, config) = (announced(&key), p2p_mux::Config::default());
        let before = announced.hello_length(&config);
        assert!(announced.add_protocol(protocol("one"), &config, before).is_err());
        assert!(announced.protocols().is_empty());
        announced.add_protocol(protocol("one"), &config, before + 9).unwrap();
        let capability = Capability::new("one", 1);
        assert!(announced.runs(&capability));
        assert!(announced.remove_protocol(&capability).is_some());
        assert!(announced.remove_protocol(&capability).is_none());
    }

    #[test]
    fn the_sequence_of_the_record_rises_with_each_change() {
        let key = SecretKey::from_bytes(&[1; 32]).unwrap();
        let mut announced = announced(&key);
        let enode = Enode::new(key.id(), ([192, 0, 2, 1], 30_303).into());
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(7);
        let first = announced.record(&key, &enode, now).unwrap();
        assert_eq!(first.sequence(), 7);
        let later = now + Duration::from_secs(1);
        let unchanged = announced.record(&key, &enode, later);
        assert_eq!(unchanged, Some(first.clone()), "nothing has changed");
        announced.set_protocols(vec![protocol("one")]);
        let second = announced.record(&key, &enode, now).unwrap();
        assert!(second.sequence() > first.sequence());
    }
}

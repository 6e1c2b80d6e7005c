//! Adding sub-protocols to a running server, and removing them.

use p2p_mux::{Capability, MAX_HELLO, Peer, Protocol};

use crate::{error::ProtocolError, server::Server};

impl Server {
    /// Runs another sub-protocol, with every peer that connects from now on and has it too.
    ///
    /// Peers that are connected keep their connection as it is: RLPx cannot renegotiate. Those that
    /// should have it must connect anew ([`Peer::disconnect`], and a static node is dialled again).
    /// So it is for a connection whose Hello is under way.
    ///
    /// # Errors
    /// The same name and version is registered already, or the Hello would be too long; then nothing
    /// has changed.
    pub fn add_protocol(&self, protocol: Protocol) -> Result<(), ProtocolError> {
        let capability = protocol.capability().clone();
        let protocol = self.shared.watched(protocol);
        let mut state = self.shared.state();
        if state.runs(&capability) {
            return Err(ProtocolError::Duplicate(capability));
        }
        let mut local = state.local.clone();
        local.protocols.push(protocol);
        let bytes = local.hello(&self.shared.connection).encode().len();
        if bytes > MAX_HELLO {
            return Err(ProtocolError::HelloTooLong { capability, bytes });
        }
        state.local = local;
        drop(state);
        self.shared.tell_capabilities();
        Ok(())
    }

    /// Stops running a sub-protocol: it is not announced any more, and its slot closes on every
    /// connection ([`Peer::remove`]), where its tasks get `None` and are cancelled if they have not
    /// returned after [`p2p_mux::Config::farewell`]. The connections stay, except those on which it
    /// was the last. Returns at once.
    ///
    /// Where another version of the same name is registered, it runs with peers that connect from now
    /// on.
    ///
    /// # Errors
    /// There is no sub-protocol with that name and version.
    pub fn remove_protocol(&self, capability: &Capability) -> Result<(), ProtocolError> {
        let mut state = self.shared.state();
        let registered = &mut state.local.protocols;
        let place = registered.iter().position(|protocol| protocol.capability() == capability);
        let unknown = || ProtocolError::Unknown(capability.clone());
        // Dropped outside the lock, as it may own anything.
        let _removed = registered.remove(place.ok_or_else(unknown)?);
        let peers: Vec<Peer> = state.live.values().map(|live| live.peer.clone()).collect();
        drop(state);
        self.shared.tell_capabilities();
        for peer in peers {
            peer.remove(capability);
        }
        Ok(())
    }

    /// The names and versions of the sub-protocols that are announced now.
    #[must_use]
    pub fn protocols(&self) -> Vec<Capability> {
        let state = self.shared.state();
        state.local.protocols.iter().map(|protocol| protocol.capability().clone()).collect()
    }
}

//! Adding sub-protocols to a running server, and removing them.

use std::sync::Arc;

use p2p_mux::{Capability, MAX_HELLO, Peer, Protocol};

use super::Server;
use crate::{context::Context, error::ProtocolError};

/// The sub-protocols.
impl Server {
    /// Adds a sub-protocol. It runs with peers that connect from now on and have it too.
    ///
    /// RLPx cannot renegotiate, so existing connections, and those whose Hello exchange is in progress, do not
    /// run it. To run it with such a peer, disconnect it ([`Peer::disconnect`]); a static node is then dialed
    /// again.
    ///
    /// # Errors
    ///
    /// A sub-protocol with the same name and version is registered, its name is not valid
    /// ([`Capability::has_valid_name`]), or the Hello would be too long. Nothing has changed then.
    pub fn add_protocol(&self, protocol: Protocol) -> Result<(), ProtocolError> {
        let capability = protocol.capability().clone();
        let Context { lifecycle, connections, .. } = &*self.context;
        let mut state = self.context.state();
        if !capability.has_valid_name() {
            return Err(ProtocolError::Name(capability));
        }
        if state.announced.runs(&capability) {
            return Err(ProtocolError::Duplicate(capability));
        }
        let protocol = state.subscribers.observe(protocol, lifecycle);
        let added = state.announced.add_protocol(protocol, connections.config(), MAX_HELLO);
        added.map_err(|bytes| ProtocolError::HelloTooLong { capability, bytes })?;
        drop(state);
        announce_capabilities(&self.context);
        Ok(())
    }

    /// Removes a sub-protocol: it is no longer announced, and its slot closes on every connection
    /// ([`Peer::remove`]). Its tasks get `None` and are cancelled if they have not returned after
    /// [`p2p_mux::Config::close_limit`]. The connections stay, except those on which it was the last sub-protocol.
    /// Returns at once.
    ///
    /// If another version of the same name is registered, it runs with peers that connect from now on.
    ///
    /// # Errors
    ///
    /// No sub-protocol with this name and version is registered.
    pub fn remove_protocol(&self, capability: &Capability) -> Result<(), ProtocolError> {
        let mut state = self.context.state();
        // Dropped outside the lock, because it may own anything.
        let removed = state.announced.remove_protocol(capability);
        let peers: Vec<Peer> = state.peers().map(|connected| connected.peer.clone()).collect();
        drop(state);
        if removed.is_none() {
            return Err(ProtocolError::Unknown(capability.clone()));
        }
        announce_capabilities(&self.context);
        for peer in peers {
            peer.remove(capability);
        }
        Ok(())
    }

    /// The names and versions of the sub-protocols that are announced now.
    #[must_use]
    pub fn protocols(&self) -> Vec<Capability> {
        let state = self.context.state();
        state.announced.protocols().iter().map(|protocol| protocol.capability().clone()).collect()
    }
}

/// Puts the current sub-protocols into the node's record, in the background.
fn announce_capabilities(context: &Arc<Context>) {
    if !context.discovery.is_running() {
        return;
    }
    let shared = Arc::clone(context);
    context.lifecycle.spawn_until_stop(async move {
        let protocols = shared.state().announced.protocols().to_vec();
        shared.discovery.set_capabilities(&protocols).await;
    });
}

//! Stands in for `discovery` where that is not built: nothing is found, nothing is told.

use std::net::SocketAddr;

use p2p_mux::identity::{Enode, NodeId};

use crate::{config::Config, context::Shared, error::StartError, server::Server};

/// No discovery.
pub(crate) struct Discovery;

impl Discovery {
    pub(crate) async fn prepare(
        _: &Config,
        _: &Enode,
        _: &[SocketAddr],
    ) -> Result<Self, StartError> {
        Ok(Self)
    }

    pub(crate) const fn start(self, _: &Server) {}
}

impl Shared {
    pub(crate) fn seen_as(&self, enode: &Enode) -> Enode {
        self.outside(enode)
    }

    #[cfg(feature = "nat")]
    pub(crate) const fn discovery_addr(&self) -> Option<SocketAddr> {
        None
    }

    #[cfg(feature = "nat")]
    pub(crate) async fn tell_external(&self, _: crate::nat::External) {}

    pub(crate) fn tell_capabilities(self: &std::sync::Arc<Self>) {}

    pub(crate) fn note_dial(&self, _: &Enode, _: bool) {}

    pub(crate) fn look_for(self: &std::sync::Arc<Self>, _: NodeId) {}

    pub(crate) async fn stop_discovery(&self) {}
}

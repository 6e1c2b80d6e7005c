//! The stand-in for discovery in a build without it.

#[cfg(feature = "nat")]
use std::{convert::Infallible, net::SocketAddr};

use p2p_mux::{
    Protocol,
    identity::{Enode, NodeId, Record},
};

use crate::access::{Pin, PinChange};
use crate::observed::{ClockError, Counted};

/// No discovery.
#[derive(Debug, Clone)]
pub(crate) struct Discovery;

impl Discovery {
    pub(crate) const fn record(&self) -> Option<Record> {
        None
    }

    pub(crate) const fn enode(&self, _: &Enode) -> Option<Enode> {
        None
    }

    #[cfg(feature = "nat")]
    pub(crate) const fn addr(&self) -> Option<SocketAddr> {
        None
    }

    #[cfg(feature = "nat")]
    pub(crate) async fn set_external(&self, _: crate::nat::ExternalAddr) -> Result<(), Infallible> {
        Ok(())
    }

    pub(crate) async fn set_capabilities(&self, _: &[Protocol]) {}

    pub(crate) const fn for_each_counter(&self, _: &mut dyn FnMut(&Counted<'_>)) {}

    pub(crate) const fn clock_error(&self) -> Option<ClockError> {
        None
    }

    pub(crate) const fn is_running(&self) -> bool {
        false
    }

    pub(crate) async fn resolve(&self, _: NodeId) -> Option<Enode> {
        None
    }

    pub(crate) const fn record_dial(&self, _: &Enode, _: bool) {}

    pub(crate) const fn pins(&self) -> Vec<Pin> {
        Vec::new()
    }

    pub(crate) async fn save_pin(&self, _: PinChange) {}

    pub(crate) async fn remove_pin(&self, _: NodeId) {}

    pub(crate) async fn stop(&self) {}
}

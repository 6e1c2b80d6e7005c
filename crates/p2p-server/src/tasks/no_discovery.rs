//! The stand-in for starting discovery in a build without it.

use std::{net::SocketAddr, sync::Arc};

use p2p_mux::identity::Enode;

use crate::{config::Config, context::Context, discovery::Discovery, error::StartError};

pub(crate) struct Prepared {
    pub(crate) discovery: Discovery,
}

pub(crate) async fn prepare(
    _: &Config,
    _: &Enode,
    _: &[SocketAddr],
) -> Result<Prepared, StartError> {
    Ok(Prepared { discovery: Discovery })
}

impl Prepared {
    #[expect(clippy::unused_self, reason = "as with the feature discovery")]
    pub(crate) fn start(self, _: &Arc<Context>) {}
}

pub(crate) fn add_clock_witness(_: &Context, _: Enode) {}

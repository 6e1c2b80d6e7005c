//! Opening a stream to a node.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use p2p_mux::identity::Enode;
use p2p_world::Connection;
use tokio::time;

use crate::{clock::now, config::Io, context::Context, error::DialError};

/// Stands for an unknown address.
pub(crate) const UNSPECIFIED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// An open stream to a node, with the address of the node if it is known.
pub(super) enum NodeStream {
    /// A connection of the machine, perhaps through a proxy, with the time that it took to connect.
    Tcp(Box<dyn Connection>, SocketAddr, Duration),
    /// Opened by a [`NodeDialer`](crate::NodeDialer).
    Custom(Box<dyn Io>, SocketAddr),
}

/// Opens a stream to a node at one of its [addresses](super::resolve::resolve).
pub(super) async fn open(
    context: &Context,
    node: Enode,
    limit: Duration,
) -> Result<NodeStream, DialError> {
    let allowed = context.state().peering.check_host(&node.host, now());
    allowed.map_err(DialError::Refused)?;
    time::timeout(limit, connect(context, node)).await.map_err(|_| DialError::Timeout)?
}

async fn connect(context: &Context, node: Enode) -> Result<NodeStream, DialError> {
    let addr = node.socket_addr().unwrap_or(UNSPECIFIED);
    if let Some(dialer) = context.node_dialer() {
        let opened = dialer.open(node).await;
        return opened.map(|io| NodeStream::Custom(io, addr)).map_err(DialError::Connect);
    }
    let start = now();
    let socket = match context.proxy() {
        Some(proxy) => proxy.open(context.world(), &node).await.map_err(DialError::Proxy)?,
        None => context.world().connect(addr).await.map_err(DialError::Connect)?,
    };
    Ok(NodeStream::Tcp(socket, addr, now().duration_since(start)))
}

//! What the connections of a server share.

use std::time::Duration;

use p2p_mux::{
    HelloExchangeError, LocalNode, MemoryBudget, MemoryStats, NegotiatedConnection, exchange_hello,
    identity::{NodeId, PublicKey, SecretKey},
    transport::{
        ConnectError, HANDSHAKE_LIMIT, SecLibrary, SecPolicy, SecSettings, Stock, StockSize,
        Stream, accept_with, connect_with,
    },
};
use p2p_world::{Connection, rng};
use tokio::io::{AsyncRead, AsyncWrite};

use super::socket::{handle_round_trip, prepare_socket};
use crate::config::{ConnectionSettings, ReceiveBuffer};

/// A function that is told the round trip of a connection.
pub(crate) type RoundTripHook<Io> = fn(&Io, Duration);

/// What the connections of a server share: their configuration, memory and prepared keys.
pub(crate) struct Connections {
    /// Ephemeral keys for the handshakes to come, made ahead.
    stock: Stock,
    config: p2p_mux::Config,
    /// The memory budget of all connections.
    memory: MemoryBudget,
    receive_buffer: ReceiveBuffer,
}

impl Connections {
    pub(super) fn new(key: &SecretKey, settings: &ConnectionSettings) -> Self {
        Self {
            stock: Stock::new(key, StockSize::default()),
            config: settings.config,
            memory: MemoryBudget::resident(settings.memory),
            receive_buffer: settings.receive_buffer,
        }
    }

    /// The configuration of each connection.
    pub(crate) const fn config(&self) -> &p2p_mux::Config {
        &self.config
    }

    /// [`p2p_mux::Config::close_limit`].
    pub(crate) const fn close_limit(&self) -> Duration {
        self.config.close_limit
    }

    /// The counters of the memory.
    pub(crate) fn memory_stats(&self) -> MemoryStats {
        self.memory.stats()
    }

    /// Makes up to `max` ephemeral keys ahead.
    pub(crate) fn refill_stock(&self, max: usize) {
        self.stock.refill(max, &mut rng());
    }

    /// Keeps the result of the work on the key of a node that is dialed again.
    pub(crate) fn learn(&self, key: &PublicKey) {
        self.stock.learn(key);
    }

    /// Sets the options of a socket. An error is only logged. `round_trip`: to the other end, if it is known.
    pub(crate) fn prepare(&self, stream: &dyn Connection, round_trip: Option<Duration>) {
        let Some(socket) = stream.tcp() else { return };
        if let Err(error) = prepare_socket(socket, self.receive_buffer, round_trip) {
            tracing::debug!(%error, "cannot set the options of a socket");
        }
    }

    /// What is to be told the round trip of a connection of the machine.
    pub(crate) fn tcp_round_trip_hook(&self) -> Option<RoundTripHook<Box<dyn Connection>>> {
        let automatic = self.receive_buffer == ReceiveBuffer::Automatic;
        automatic.then_some(handle_round_trip)
    }

    /// The handshake of an inbound connection. `policy`: that for the node which it names.
    pub(crate) async fn accept<Io>(
        &self,
        io: Io,
        policy: impl Fn(&NodeId) -> SecPolicy,
    ) -> Result<Stream<Io>, ConnectError>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        let sec = |id: &NodeId| SecSettings::new(policy(id));
        accept_with(io, &self.stock, sec, HANDSHAKE_LIMIT, rng()).await
    }

    /// The handshake of an outbound connection with the node `id`.
    pub(crate) async fn connect<Io>(
        &self,
        io: Io,
        id: &NodeId,
        policy: SecPolicy,
    ) -> Result<Stream<Io>, ConnectError>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        let sec = SecSettings::new(policy);
        connect_with(io, &self.stock, id, &sec, HANDSHAKE_LIMIT, rng()).await
    }

    /// The Hello exchange. `policy`: that for the node.
    pub(crate) async fn exchange_hello<Io>(
        &self,
        stream: Stream<Io>,
        local: &LocalNode,
        policy: SecPolicy,
    ) -> Result<NegotiatedConnection<Io>, HelloExchangeError>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        let announce_sec = policy != SecPolicy::Off && SecLibrary::best().is_some();
        let config = p2p_mux::Config { announce_sec, ..self.config };
        Ok(exchange_hello(stream, local, &config).await?.with_memory(&self.memory))
    }
}

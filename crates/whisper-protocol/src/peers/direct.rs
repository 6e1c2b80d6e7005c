//! Packets for one peer alone.

use std::sync::Arc;

use bytes::Bytes;
use p2p_identity::NodeId;
use whisper_envelope::{Dialect, Envelope};

use crate::{
    peers::links::Links,
    peers::peer_sender::PeerLink,
    stats::{Counter, counters::Counters},
    wire::{PackedEnvelopes, PacketKind, Wire},
};

/// Why a packet could not be sent to one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectError {
    /// No peer with this id is connected, or its connection ended. The text has the hash of the id, as in go-ethereum.
    #[error("Could not find peer with ID: {}", hex::encode(.0.hash()))]
    NoSuchPeer(NodeId),
    /// The peer speaks another dialect, or one without such a packet.
    #[error("peer with ID {} does not speak shh/{}", hex::encode(.id.hash()), .dialect.version())]
    OtherDialect {
        /// The peer.
        id: NodeId,
        /// The dialect of the packet.
        dialect: Dialect,
    },
}

/// Sends packets to single peers.
#[derive(Debug)]
pub(crate) struct DirectSender {
    links: Arc<Links<PeerLink>>,
    counters: Arc<Counters>,
}

impl DirectSender {
    pub(crate) fn new(links: Arc<Links<PeerLink>>, counters: Arc<Counters>) -> Self {
        Self { links, counters }
    }

    /// The dialect of a connected peer; `None` if it is not connected.
    pub(crate) fn dialect(&self, id: &NodeId) -> Option<Dialect> {
        self.links.find(id).map(|(slot, _)| slot.dialect())
    }

    /// Sends an envelope as a direct message to a peer that speaks its dialect.
    pub(crate) async fn send_envelope(
        &self,
        id: NodeId,
        envelope: &Envelope,
    ) -> Result<(), DirectError> {
        let raw = envelope.raw().clone();
        self.send(id, envelope.dialect(), PacketKind::Direct, raw).await?;
        self.counters.one(Counter::DirectSent);
        Ok(())
    }

    /// Sends several envelopes as one direct message.
    pub(crate) async fn send_envelopes(
        &self,
        id: NodeId,
        dialect: Dialect,
        envelopes: &[Envelope],
    ) -> Result<(), DirectError> {
        if envelopes.iter().any(|envelope| envelope.dialect() != dialect) {
            return Err(DirectError::OtherDialect { id, dialect });
        }
        let bytes = envelopes.iter().map(|envelope| envelope.raw().len()).sum();
        let mut packed = PackedEnvelopes::default();
        envelopes.iter().for_each(|envelope| packed.push(envelope.raw(), bytes));
        self.send(id, dialect, PacketKind::Direct, packed.into_list()).await?;
        self.counters.add(Counter::DirectSent, envelopes.len());
        Ok(())
    }

    /// Sends a packet to a peer, at the pace that the peer wants.
    pub(crate) async fn send(
        &self,
        id: NodeId,
        dialect: Dialect,
        kind: PacketKind,
        payload: Bytes,
    ) -> Result<(), DirectError> {
        let (slot, link) = self.links.find(&id).ok_or(DirectError::NoSuchPeer(id))?;
        let code = Wire::of(dialect).code(kind).filter(|_| slot.dialect() == dialect);
        let code = code.ok_or(DirectError::OtherDialect { id, dialect })?;
        link.sender.wait_for_room().await;
        link.sender.send(code, payload).await.map_err(|_| DirectError::NoSuchPeer(id))
    }
}

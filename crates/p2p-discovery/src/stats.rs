//! Counters of the machine, and the reasons for drops.

use p2p_identity::SignatureError;

use crate::v4::{DatagramError, PacketKind};

/// Why a datagram, a node or an event was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DropReason {
    /// A datagram that is too short or too long for any packet.
    Size,
    /// A datagram of an unknown kind.
    Kind,
    /// A datagram whose hash is wrong.
    Hash,
    /// A packet with a body that does not fit its kind.
    Body,
    /// A packet with an invalid signature.
    Signature,
    /// A packet that this node has signed itself.
    Own,
    /// An expired packet.
    Expired,
    /// Too many requests from one address, by other senders than nodes with an endpoint proof there.
    AddressRate,
    /// Too many requests in a tick from addresses without an endpoint proof.
    StrangerRate,
    /// Too many requests in a tick from addresses with an endpoint proof.
    ProvenRate,
    /// Too many answers in a tick.
    ReplyRate,
    /// An answer without a request, or after its timeout.
    Unsolicited,
    /// An answer by another node than the one asked.
    WrongSigner,
    /// A request by a node without an endpoint proof.
    NoProof,
    /// A request for neighbours by a node of another network.
    Foreign,
    /// An unknown node that was pinged back, and dropped before it answered because others came.
    StrangersFull,
    /// A node that a peer reported at an address that it may not report.
    Unverified,
    /// A node that was not added to the table or a lookup: there are too many of its subnet.
    Diversity,
    /// A node that is not of our network, by its record or for lack of one.
    NotOurNetwork,
    /// A datagram that was not sent, because the queue was full.
    OutboxFull,
    /// An event that was not reported, because the queue was full.
    EventsFull,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [Self; 21] = [
        Self::Size,
        Self::Kind,
        Self::Hash,
        Self::Body,
        Self::Signature,
        Self::Own,
        Self::Expired,
        Self::AddressRate,
        Self::StrangerRate,
        Self::ProvenRate,
        Self::ReplyRate,
        Self::Unsolicited,
        Self::WrongSigner,
        Self::NoProof,
        Self::Foreign,
        Self::StrangersFull,
        Self::Unverified,
        Self::Diversity,
        Self::NotOurNetwork,
        Self::OutboxFull,
        Self::EventsFull,
    ];

    /// The name of the reason in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Kind => "kind",
            Self::Hash => "hash",
            Self::Body => "body",
            Self::Signature => "signature",
            Self::Own => "own",
            Self::Expired => "expired",
            Self::AddressRate => "address_rate",
            Self::StrangerRate => "stranger_rate",
            Self::ProvenRate => "proven_rate",
            Self::ReplyRate => "reply_rate",
            Self::Unsolicited => "unsolicited",
            Self::WrongSigner => "wrong_signer",
            Self::NoProof => "no_proof",
            Self::Foreign => "foreign",
            Self::StrangersFull => "strangers_full",
            Self::Unverified => "hearsay",
            Self::Diversity => "diversity",
            Self::NotOurNetwork => "not_our_network",
            Self::OutboxFull => "outbox_full",
            Self::EventsFull => "events_full",
        }
    }
}

impl From<DatagramError> for DropReason {
    fn from(error: DatagramError) -> Self {
        match error {
            DatagramError::TooShort { .. } | DatagramError::TooLong { .. } => Self::Size,
            DatagramError::Kind(_) => Self::Kind,
            DatagramError::Hash => Self::Hash,
            DatagramError::Body(_) => Self::Body,
            DatagramError::Signature(_) => Self::Signature,
        }
    }
}

impl From<SignatureError> for DropReason {
    fn from(_: SignatureError) -> Self {
        Self::Signature
    }
}

/// The counters of a [`Discovery`](crate::Discovery) since its creation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams received, including those dropped.
    pub datagrams_in: u64,
    /// Bytes of the received datagrams, without UDP and IP headers.
    pub bytes_in: u64,
    /// Datagrams sent.
    pub datagrams_out: u64,
    /// Bytes of the sent datagrams, without UDP and IP headers.
    pub bytes_out: u64,
    /// Signatures checked.
    pub recoveries: u64,
    /// Packets accepted, in the order of [`PacketKind::ALL`].
    pub packets_in: [u64; PacketKind::ALL.len()],
    /// Packets sent, in the order of [`PacketKind::ALL`].
    pub packets_out: [u64; PacketKind::ALL.len()],
    /// Requests that were not answered in time, repetitions included.
    pub timeouts: u64,
    /// Lookups begun.
    pub lookups: u64,
    /// Drops by reason.
    pub drops: Drops,
}

/// The number of drops for each reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drops([u64; DropReason::ALL.len()]);

impl Drops {
    pub(crate) const fn count(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }

    /// The number of drops for this reason.
    #[must_use]
    pub const fn of(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// All reasons with their numbers, zero included.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.into_iter().map(|reason| (reason, self.of(reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_index_and_name() {
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            assert!(DropReason::ALL[..index].iter().all(|other| other.name() != reason.name()));
        }
        let mut drops = Drops::default();
        drops.count(DropReason::Hash);
        assert_eq!(
            drops.iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>(),
            [(DropReason::Hash, 1)]
        );
    }
}

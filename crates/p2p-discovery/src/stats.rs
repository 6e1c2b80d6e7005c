//! What happened, in numbers.

use p2p_identity::SignatureError;

use crate::v4::{PacketError, PacketKind};

/// Why a datagram, a node or an event went nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DropReason {
    /// A datagram of a size that no packet has.
    Size,
    /// A datagram of a kind that discv4 does not have.
    Kind,
    /// A datagram whose hash is wrong.
    Hash,
    /// A packet whose body is not what its kind has.
    Body,
    /// A packet that nobody signed.
    Signature,
    /// A packet that we signed ourselves, come back.
    Own,
    /// A packet whose time is over.
    Expired,
    /// More requests from one address than it may make.
    AddressRate,
    /// More requests by strangers than are looked at in a tick.
    StrangerRate,
    /// More requests by known addresses than are looked at in a tick.
    ProvenRate,
    /// More answers than are looked at in a tick.
    ReplyRate,
    /// An answer that nothing asked for, or that came too late.
    Unsolicited,
    /// An answer by another node than the one that was asked.
    WrongSigner,
    /// A request by a node that has not proven to be where it seems to be.
    NoProof,
    /// A request for nodes by a node of another network.
    Foreign,
    /// A stranger that could not be pinged back because too many others are.
    StrangersFull,
    /// A node that one peer told of at an address that it may not tell of.
    Unverified,
    /// A node that has no place in the table, or in a lookup, because too many of its subnet are there.
    Diversity,
    /// A node that is not of our network, or has no record that says so.
    NotOurNetwork,
    /// A datagram that was not sent because too many waited to be.
    OutboxFull,
    /// An event that was not reported because too many waited to be.
    EventsFull,
}

impl DropReason {
    /// All of them.
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

    /// A name for metrics and logs.
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

impl From<PacketError> for DropReason {
    fn from(error: PacketError) -> Self {
        match error {
            PacketError::TooShort { .. } | PacketError::TooLong { .. } => Self::Size,
            PacketError::Kind(_) => Self::Kind,
            PacketError::Hash => Self::Hash,
            PacketError::Body(_) => Self::Body,
            PacketError::Signature(_) => Self::Signature,
        }
    }
}

impl From<SignatureError> for DropReason {
    fn from(_: SignatureError) -> Self {
        Self::Signature
    }
}

/// The counters of a [`Discovery`](crate::Discovery) since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams that arrived, dropped ones included.
    pub datagrams_in: u64,
    /// Their bytes, without headers of UDP and IP.
    pub bytes_in: u64,
    /// Datagrams to be sent.
    pub datagrams_out: u64,
    /// Their bytes, without headers of UDP and IP.
    pub bytes_out: u64,
    /// Signatures that were looked at.
    pub recoveries: u64,
    /// Packets that arrived and were taken, in the order of [`PacketKind::ALL`].
    pub packets_in: [u64; PacketKind::ALL.len()],
    /// Packets to be sent, in the order of [`PacketKind::ALL`].
    pub packets_out: [u64; PacketKind::ALL.len()],
    /// Requests of ours that were not answered in time, one by one.
    pub timeouts: u64,
    /// Lookups that were begun.
    pub lookups: u64,
    /// What went nowhere, by reason.
    pub drops: Drops,
}

/// How often something went nowhere, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drops([u64; DropReason::ALL.len()]);

impl Drops {
    pub(crate) const fn count(&mut self, reason: DropReason) {
        self.0[reason as usize] += 1;
    }

    /// For this reason.
    #[must_use]
    pub const fn of(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// Every reason with its number, also those with none.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.into_iter().map(|reason| (reason, self.of(reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_place_and_name() {
        for (place, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            assert!(DropReason::ALL[..place].iter().all(|other| other.name() != reason.name()));
        }
        let mut drops = Drops::default();
        drops.count(DropReason::Hash);
        assert_eq!(
            drops.iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>(),
            [(DropReason::Hash, 1)]
        );
    }
}

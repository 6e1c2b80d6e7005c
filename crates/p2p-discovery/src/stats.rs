//! Counters of the machine, and the reasons for drops.

use p2p_identity::SignatureError;

use crate::counted::{Name, counters, reasons};
use crate::v4::{DatagramError, PacketKind};

reasons! {
    /// Why a datagram, a node or an event was dropped.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
    #[non_exhaustive]
    pub enum DropReason {
        /// A datagram that is too short or too long for any packet.
        Size = "size",
        /// A datagram of an unknown kind.
        Kind = "kind",
        /// A datagram whose hash is wrong.
        Hash = "hash",
        /// A packet with a body that does not fit its kind.
        Body = "body",
        /// A packet with an invalid signature.
        Signature = "signature",
        /// A packet that this node has signed itself.
        Own = "own",
        /// An expired packet.
        Expired = "expired",
        /// Too many requests from one address, by other senders than nodes with an endpoint proof there.
        AddressRate = "address_rate",
        /// Too many requests in a tick from addresses without an endpoint proof.
        StrangerRate = "stranger_rate",
        /// Too many requests in a tick from addresses with an endpoint proof.
        ProvenRate = "proven_rate",
        /// Too many answers in a tick.
        ReplyRate = "reply_rate",
        /// An answer without a request, or after its timeout.
        Unsolicited = "unsolicited",
        /// An answer by another node than the one asked.
        WrongSigner = "wrong_signer",
        /// A request by a node without an endpoint proof.
        NoProof = "no_proof",
        /// A request for neighbours by a node of another network.
        Foreign = "foreign",
        /// An unknown node that was pinged back, and dropped before it answered because others came.
        StrangersFull = "strangers_full",
        /// A node that a peer reported at an address that it may not report. The name is that of the published metric.
        Unverified = "hearsay",
        /// A node that was not added to the table or a lookup: there are too many of its subnet.
        Diversity = "diversity",
        /// A node that is not of our network, by its record or for lack of one.
        NotOurNetwork = "not_our_network",
        /// A datagram that was not sent, because the queue was full.
        OutboxFull = "outbox_full",
        /// An event that was not reported, because the queue was full.
        EventsFull = "events_full",
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

/// Counters of packets, by [`PacketKind`].
type PacketCounts = [u64; PacketKind::ALL.len()];

const DATAGRAMS: Name = ("discv4_datagrams_total", "Datagrams");
const BYTES: Name = ("discv4_bytes_total", "Bytes in datagrams");
const PACKETS: Name = ("discv4_packets_total", "Valid packets, by kind");

counters! {
    /// The counters of a [`Discovery`](crate::Discovery) since its creation.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Stats {
        /// Datagrams received, including those dropped.
        datagrams_in: u64 = DATAGRAMS, ["direction" => "in"];
        /// Bytes of the received datagrams, without UDP and IP headers.
        bytes_in: u64 = BYTES, ["direction" => "in"];
        /// Datagrams sent.
        datagrams_out: u64 = DATAGRAMS, ["direction" => "out"];
        /// Bytes of the sent datagrams, without UDP and IP headers.
        bytes_out: u64 = BYTES, ["direction" => "out"];
        /// Signatures checked.
        recoveries: u64 = ("discv4_recoveries_total", "Recovered public keys of signatures");
        /// Packets accepted, in the order of [`PacketKind::ALL`].
        packets_in: PacketCounts = PACKETS, ["direction" => "in"];
        /// Packets sent, in the order of [`PacketKind::ALL`].
        packets_out: PacketCounts = PACKETS, ["direction" => "out"];
        /// Requests that were not answered in time, repetitions included.
        timeouts: u64 = ("discv4_timeouts_total", "Requests without an answer");
        /// Lookups begun.
        lookups: u64 = ("discv4_lookups_total", "Started lookups");
        /// Drops by reason.
        drops: Drops = ("discv4_dropped_total", "Dropped packets, by reason");
    }
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
    #[test]
    fn every_counter_is_one_sample_and_every_reason_is_among_them() {
        let mut stats = Stats { lookups: 5, ..Stats::default() };
        stats.drops.count(DropReason::Expired);
        let (mut samples, mut reasons, mut sum) = (Vec::new(), Vec::new(), 0);
        stats.for_each_counter(&mut |counted| {
            samples.push(format!("{}{:?}", counted.metric, counted.labels));
            reasons.extend(counted.reason.map(ToOwned::to_owned));
            sum += counted.value;
        });
        let once: std::collections::BTreeSet<_> = samples.iter().collect();
        assert_eq!((once.len(), sum), (samples.len(), 6));
        assert_eq!(reasons, DropReason::ALL.map(DropReason::name));
        for sample in [
            r#"discv4_packets_total[("direction", "in"), ("kind", "ping")]"#,
            r#"discv4_datagrams_total[("direction", "out")]"#,
            r#"discv4_dropped_total[("reason", "hearsay")]"#,
            "discv4_lookups_total[]",
        ] {
            assert!(samples.iter().any(|other| other == sample), "{sample}: {samples:?}");
        }
    }
}

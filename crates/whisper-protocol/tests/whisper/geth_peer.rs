//! A peer that behaves as go-ethereum does: it counts work under one rule, and disconnects when it is sent too little.

use bytes::Bytes;
use p2p_mux::{
    Channel, DisconnectReason, Exit, Protocol, SendError,
    rlp::{Header, Item},
};
use tokio::sync::mpsc;
use whisper_pow::{Rule, Work, work_with_ttl};
use whisper_protocol::{Clock, Dialect, Envelope};

use crate::support::bundle;

/// The client name of go-ethereum 1.8.27, which counts work under its own rule.
pub(crate) const OLD: &str = "Geth/v1.8.27-stable/linux-amd64/go1.19.8";

/// The client name of go-ethereum 1.9.6, which counts work under the rule of EIP-627.
pub(crate) const NEW: &str = "Geth/v1.9.6-stable-bd059680/linux-amd64/go1.13";

/// Maximum size of a packet in bytes.
const MAX_PACKET: usize = 1024 * 1024;

/// Seconds by which clocks may differ.
const ALLOWANCE: u32 = 10;

/// What go-ethereum does with an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Kept,
    Ignored,
    /// It disconnects, after it has processed the rest of the packet.
    Refused,
}

/// A peer of the tests that behaves as go-ethereum does. It reports the envelopes that it keeps.
#[derive(Clone)]
pub(crate) struct GethPeer {
    rule: Rule,
    min_work: Work,
    clock: Clock,
    kept: mpsc::UnboundedSender<Envelope>,
}

impl GethPeer {
    /// A peer that requires this work, and the envelopes that it keeps.
    pub(crate) fn new(
        rule: Rule,
        min_work: f64,
        clock: Clock,
    ) -> (Self, mpsc::UnboundedReceiver<Envelope>) {
        let (kept, kept_envelopes) = mpsc::unbounded_channel();
        let min_work = Work::new(min_work).unwrap();
        (Self { rule, min_work, clock, kept }, kept_envelopes)
    }

    /// The sub-protocol, for a server. On each connection it sends these envelopes.
    pub(crate) fn protocol(&self, own: Vec<Envelope>) -> Protocol {
        let peer = self.clone();
        Protocol::new("shh", 6, 128, move |_, channel| {
            let (peer, own) = (peer.clone(), own.clone());
            async move { peer.run(channel, &own).await }
        })
    }

    /// Runs a session until the other end closes it, or sends something that go-ethereum does not accept.
    pub(crate) async fn run(&self, mut channel: Channel, own: &[Envelope]) -> Result<(), Exit> {
        channel.send_raw(0, self.status()).await?;
        let Some(status) = channel.recv().await else { return Ok(()) };
        if status.code != 0 {
            return Err(Exit::Disconnect(DisconnectReason::Subprotocol));
        }
        self.broadcast(&channel, &status.payload, own).await?;
        while let Some(message) = channel.recv().await {
            if message.payload.len() > MAX_PACKET
                || message.code == 1 && !self.read(&message.payload)
            {
                return Err(Exit::Disconnect(DisconnectReason::Subprotocol));
            }
        }
        Ok(())
    }

    /// `[6, the bits of the required work, "", 0]`.
    fn status(&self) -> Vec<u8> {
        let mut items = vec![6, 0x88];
        items.extend(self.min_work.get().to_bits().to_be_bytes());
        items.extend([0x80, 0x80]);
        let mut status = Vec::new();
        Header { list: true, payload_length: items.len() }.encode(&mut status);
        status.extend(items);
        status
    }

    /// Sends the envelopes that have the work that the other end requires, counted under this peer's rule.
    async fn broadcast(
        &self,
        channel: &Channel,
        their_status: &[u8],
        own: &[Envelope],
    ) -> Result<(), SendError> {
        let status = Item::parse(their_status).unwrap().items().unwrap();
        let bits = status.map(Result::unwrap).nth(1).map(|item| item.bytes().unwrap());
        let bits =
            bits.unwrap_or_default().iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        let enough = |it: &&Envelope| {
            work_with_ttl(self.rule, it, it.ttl()).unwrap().get() >= f64::from_bits(bits)
        };
        let sent: Vec<_> = own.iter().filter(enough).map(|it| &it.raw()[..]).collect();
        if sent.is_empty() { Ok(()) } else { channel.send_raw(1, bundle(sent).to_vec()).await }
    }

    /// Reads a packet of envelopes. Returns whether go-ethereum stays connected.
    pub(crate) fn read(&self, packet: &Bytes) -> bool {
        let mut stays = true;
        for item in Item::parse(packet).unwrap().items().unwrap() {
            let raw = packet.slice_ref(item.unwrap().raw());
            let envelope = Envelope::decode(Dialect::V6, raw).unwrap();
            match self.judge(&envelope) {
                Verdict::Kept => drop(self.kept.send(envelope)),
                Verdict::Ignored => {}
                Verdict::Refused => stays = false,
            }
        }
        stays
    }

    fn judge(&self, envelope: &Envelope) -> Verdict {
        let now = self.clock.now();
        let Some(sent) = envelope.sent() else { return Verdict::Refused };
        let ahead = sent.saturating_sub(now);
        if ahead > ALLOWANCE || envelope.expiry().saturating_add(2 * ALLOWANCE) < now {
            return Verdict::Refused;
        }
        if envelope.expiry() < now {
            return Verdict::Ignored;
        }
        let early = if ahead > 0 { ahead + 1 } else { 0 };
        match work_with_ttl(self.rule, envelope, envelope.ttl() + early) {
            Ok(work) if work >= self.min_work => Verdict::Kept,
            _ => Verdict::Refused,
        }
    }
}

//! Hosts that attack a Whisper node. p2p-sim has those that attack what is below.

pub(crate) mod eclipse;
mod packets;

use std::{sync::Arc, time::Duration};

use p2p_server::{
    Config, Server,
    identity::{Enode, SecretKey},
    mux::{Channel, Exit, Message, Protocol},
};
use p2p_sim::{HostId, Hostile, Network, Nodes};
use p2p_world::{World, rng};
use rand::{Rng as _, rngs::StdRng, seq::IndexedRandom as _};
use tokio::time::timeout;

use packets::{BLOOM, DIRECT, ENVELOPES, LAST_CODE, MIN_WORK, REQUEST, STATUS};

/// How often a hostile node does something unasked.
const TICK: Duration = Duration::from_secs(1);

/// Number of packets that [`HostileWhisper::Replays`] keeps.
const KEPT: usize = 100;

/// What a hostile Whisper node does to a peer. All finish the handshakes and are peers first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostileWhisper {
    /// Sends envelopes at the edge of every limit: expiry, time to live, work and size.
    Edges,
    /// Announces other topics each second.
    LiesAboutBloom,
    /// Announces another work requirement each second.
    LiesAboutWork,
    /// Takes everything and passes nothing on.
    Withholds,
    /// Sends back what it gets.
    Echoes,
    /// Sends what it got again, also when it has expired.
    Replays,
    /// Sends the messages that it gets with other nonces.
    Reseals,
    /// Sends envelopes whose times are hours away.
    WrongClock,
    /// Leaves after the status packets, and comes back.
    Returns,
    /// Sends packets that are none.
    Malformed,
    /// Sends direct messages and requests, though no one trusts it.
    Intrudes,
}

impl HostileWhisper {
    pub(crate) const ALL: [Self; 11] = [
        Self::Edges,
        Self::LiesAboutBloom,
        Self::LiesAboutWork,
        Self::Withholds,
        Self::Echoes,
        Self::Replays,
        Self::Reseals,
        Self::WrongClock,
        Self::Returns,
        Self::Malformed,
        Self::Intrudes,
    ];

    /// Adds a host that does this to a node.
    pub(crate) fn attack(self, network: &mut Network, target: &Enode) -> HostId {
        let target = target.clone();
        network.host(move |host| {
            let (world, target) = (host.world(), target.clone());
            async move {
                let of_protocol = Arc::clone(&world);
                let protocol = Protocol::new("shh", 6, LAST_CODE + 1, move |_, channel| {
                    self.run(Arc::clone(&of_protocol), channel)
                });
                let config = Config::new(SecretKey::random(&mut rng())).world(world);
                let config = config.protocol(protocol).static_node(target);
                // It has nothing that could fail.
                let _server = Server::start(config).await;
                std::future::pending::<()>().await;
            }
        })
    }

    async fn run(self, world: Arc<dyn World>, mut channel: Channel) -> Result<(), Exit> {
        channel.send_raw(STATUS, packets::status(self == Self::Withholds)).await?;
        let mut kept = Vec::new();
        loop {
            match timeout(TICK, channel.recv()).await {
                Ok(None) => return Ok(()),
                Ok(Some(message)) => self.answer(&channel, message, &mut kept).await?,
                Err(_) if self == Self::Returns => return Ok(()),
                Err(_) => self.tick(&*world, &channel, &kept).await?,
            }
        }
    }

    /// What it does with a packet.
    async fn answer(
        self,
        channel: &Channel,
        message: Message,
        kept: &mut Vec<Message>,
    ) -> Result<(), Exit> {
        match self {
            Self::Echoes if message.code != STATUS => {
                channel.send_raw(message.code, message.payload).await?;
            }
            Self::Replays if message.code == ENVELOPES && kept.len() < KEPT => kept.push(message),
            Self::Reseals if message.code == ENVELOPES => {
                channel.send_raw(ENVELOPES, packets::reseal(&message.payload)).await?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What it does each second in which it gets nothing.
    async fn tick(
        self,
        world: &dyn World,
        channel: &Channel,
        kept: &[Message],
    ) -> Result<(), Exit> {
        let now = packets::unix_seconds(world);
        let draw = rng().number();
        match self {
            Self::Edges => channel.send_raw(ENVELOPES, packets::edges(now)).await?,
            Self::LiesAboutBloom => channel.send_raw(BLOOM, packets::bloom(draw)).await?,
            Self::LiesAboutWork => channel.send_raw(MIN_WORK, packets::min_work(draw)).await?,
            Self::WrongClock => {
                channel.send_raw(ENVELOPES, packets::at_wrong_times(now)).await?;
            }
            Self::Malformed => {
                let junk = rng().bytes::<200>();
                let length = usize::try_from(draw % 200).unwrap_or_default();
                channel.send_raw(draw >> 8 & LAST_CODE, junk[..length].to_vec()).await?;
            }
            Self::Intrudes => {
                channel.send_raw(DIRECT, packets::edges(now)).await?;
                channel.send_raw(REQUEST, packets::edges(now)).await?;
            }
            Self::Replays => {
                let index = usize::try_from(draw).unwrap_or_default() % kept.len().max(1);
                if let Some(message) = kept.get(index) {
                    channel.send_raw(message.code, message.payload.clone()).await?;
                }
            }
            Self::Withholds | Self::Echoes | Self::Reseals | Self::Returns => {}
        }
        Ok(())
    }
}

/// Adds hosts that attack random nodes in different ways. Returns them.
pub(crate) fn attack(
    network: &mut Network,
    nodes: &Nodes,
    count: usize,
    rng: &mut StdRng,
) -> Vec<HostId> {
    let flood = Hostile::FloodsSlot { name: "shh", version: 6, length: LAST_CODE + 1 };
    let below: Vec<Hostile> = Hostile::ALL.into_iter().chain([flood]).collect();
    let attack = |index: usize| {
        let target = nodes.enode(rng.random_range(0..nodes.hosts().len()));
        // One attack on Whisper, one on what is below, and so on.
        Some(if index.is_multiple_of(2) {
            HostileWhisper::ALL.choose(rng)?.attack(network, &target)
        } else {
            below.choose(rng)?.attack(network, target.id, target.socket_addr()?)
        })
    };
    (0..count).filter_map(attack).collect()
}

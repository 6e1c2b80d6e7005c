//! `lazy/1` beside shh: nodes connected by pipes, and peers that the test controls.

use std::time::Duration;

use p2p_identity::NodeId;
use p2p_mux::{Channel, Exit, Peer};
use tokio::{task::JoinHandle, time::timeout};
use whisper_protocol::{
    Config, Ending, Envelope, PeerSettings, ReceiptSettings, ReceiptState, Remote, Whisper,
    lazy_1::{Announced, LazyMessage, Salt, ShortId, class_of},
};

use crate::support::{RawPeer, envelope, next, post, random_id, unsealed, watch};

/// The configuration of a node that has `lazy/1`.
fn settings() -> Config {
    let peers = PeerSettings { lazy: true, ..PeerSettings::default() };
    Config { peers, ..crate::support::settings() }
}

fn node() -> Whisper {
    Whisper::new(settings())
}

/// Longer than the node waits for anything but an envelope that it asked for.
const SOON: Duration = Duration::from_millis(1500);

/// A peer with `lazy/1` that the test controls.
struct LazyPeer {
    shh: RawPeer,
    lazy: Channel,
    /// What the node tells the peers with.
    salt: Salt,
    session: JoinHandle<Result<(), Exit>>,
}

const OURS: Salt = Salt([5; 16]);

impl LazyPeer {
    async fn new(node: &Whisper) -> Self {
        let id = random_id();
        let (mut lazy, session) = start(node, id);
        send(&lazy, &LazyMessage::Start(OURS)).await;
        let LazyMessage::Start(salt) = receive(&mut lazy).await else { panic!("no START") };
        let shh = RawPeer::who_is(node, Remote::from(id)).after(&[0xc1, 0x06]).await;
        Self { shh, lazy, salt, session }
    }

    /// The ids that the node announces next.
    async fn announced(&mut self) -> Vec<ShortId> {
        match timeout(SOON, self.told()).await.expect("an announcement") {
            LazyMessage::Have(announced) => announced.iter().map(|it| it.id).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// The next message that says nothing about pushing.
    async fn told(&mut self) -> LazyMessage {
        next_of(&mut self.lazy).await
    }

    async fn have(&self, envelope: &Envelope) {
        let (class, id) = (class_of(envelope.raw().len()), self.salt.id(envelope.hash()));
        send(&self.lazy, &LazyMessage::Have(vec![Announced { class, id }])).await;
    }

    /// Asserts that the node asks for this envelope.
    async fn is_asked_for(&mut self, envelope: &Envelope) {
        let ids = vec![self.salt.id(envelope.hash())];
        assert_eq!(timeout(SOON, self.told()).await, Ok(LazyMessage::Want(ids)));
    }

    /// Asserts that the node sends nothing.
    async fn gets_nothing(&mut self) {
        let Self { shh, lazy, .. } = self;
        let nothing = async {
            tokio::select! {
                it = next_of(lazy) => format!("{it:?}"),
                it = shh.channel.recv() => format!("{it:?}"),
            }
        };
        assert!(timeout(SOON, nothing).await.is_err());
    }
}

/// Starts `lazy/1` of a node with a peer.
fn start(node: &Whisper, id: NodeId) -> (Channel, JoinHandle<Result<(), Exit>>) {
    let (near, far) = Channel::pipe();
    let protocol = node.lazy_protocol().expect("it is on");
    let run = async move { protocol.run(Peer::detached(id), near).await };
    (far, tokio::spawn(run))
}

async fn send(channel: &Channel, message: &LazyMessage) {
    let (code, payload) = message.encode();
    channel.send_raw(code, payload).await.unwrap();
}

/// The next message that says nothing about pushing.
async fn next_of(channel: &mut Channel) -> LazyMessage {
    loop {
        match receive(channel).await {
            LazyMessage::Push(_) => {}
            message => return message,
        }
    }
}

async fn receive(channel: &mut Channel) -> LazyMessage {
    let message = channel.recv().await.expect("lazy/1 runs");
    LazyMessage::decode(message.code, &message.payload).unwrap()
}

/// A node with peers enough that it announces.
async fn crowded(config: Config) -> (Whisper, Vec<LazyPeer>) {
    let node = Whisper::new(config);
    let mut peers = Vec::new();
    for _ in 0..7 {
        peers.push(LazyPeer::new(&node).await);
    }
    (node, peers)
}

/// Connects two nodes that have `lazy/1`.
async fn join_lazily(a: &Whisper, b: &Whisper) {
    let ([of_a, of_b], (near, far)) = ([random_id(), random_id()], Channel::pipe());
    for (node, id, channel) in [(a, of_b, near), (b, of_a, far)] {
        let protocol = node.lazy_protocol().expect("it is on");
        tokio::spawn(async move { protocol.run(Peer::detached(id), channel).await });
    }
    // On a connection the sessions of shh know that there is `lazy/1`. Here it must be there first.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    let (near, far) = Channel::pipe();
    tokio::spawn(a.attach(of_b, near));
    tokio::spawn(b.attach(of_a, far));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_pool_is_announced_to_a_new_peer_and_fetched() {
    let (a, b) = (node(), node());
    a.post(post(&a, b"earlier")).await.unwrap();
    let _ = b.inject(envelope(b"there"));
    let mut watch = watch(&b);
    join_lazily(&a, &b).await;
    assert_eq!(next(&mut watch).await, b"earlier");
    let (of_a, of_b) = (a.stats(), b.stats());
    assert_eq!((of_a.relay.announced, of_b.relay.asked, of_b.envelopes.received), (1, 1, 1));
    // With few peers, what is new is sent at once.
    a.post(post(&a, b"new")).await.unwrap();
    assert_eq!(next(&mut watch).await, b"new");
    assert_eq!((a.stats().relay.announced, b.stats().relay.asked), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_envelope_is_relayed_by_announcements() {
    let (node, mut peers) = crowded(settings()).await;
    let it = envelope(b"one");
    peers[0].have(&it).await;
    peers[0].is_asked_for(&it).await;
    peers[0].shh.send_envelopes(&[&it]).await;
    for peer in &mut peers[1..] {
        assert_eq!(peer.announced().await, [OURS.id(it.hash())]);
    }
    peers[0].gets_nothing().await;
    send(&peers[1].lazy, &LazyMessage::Want(vec![OURS.id(it.hash())])).await;
    let (code, packet) = peers[1].shh.receive().await;
    assert_eq!((code, &packet[packet.len() - it.raw().len()..]), (1, &it.raw()[..]));
    peers[2].gets_nothing().await;
    assert_eq!(node.stats().relay.sent, 1);
}

#[tokio::test(start_paused = true)]
async fn another_announcer_is_asked_when_the_first_does_not_deliver() {
    let (node, mut peers) = crowded(settings()).await;
    let it = envelope(b"one");
    peers[0].have(&it).await;
    peers[0].is_asked_for(&it).await;
    peers[1].have(&it).await;
    peers[1].is_asked_for(&it).await;
    assert_eq!(node.stats().relay.unanswered, 1);
    // The first one is not waited for any more.
    let next = envelope(b"two");
    peers[0].have(&next).await;
    peers[1].have(&next).await;
    peers[1].is_asked_for(&next).await;
    peers[1].shh.send_envelopes(&[&it, &next]).await;
    let mut both = [OURS.id(it.hash()), OURS.id(next.hash())];
    let mut announced = peers[2].announced().await;
    both.sort_unstable();
    announced.sort_unstable();
    assert_eq!(announced, both);
    assert_eq!(node.stats().envelopes.new, 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_admitted_is_not_announced() {
    let (node, mut peers) = crowded(settings()).await;
    let expired = unsealed_before_now();
    peers[0].have(&expired).await;
    peers[0].is_asked_for(&expired).await;
    peers[0].shh.send_envelopes(&[&expired]).await;
    peers[1].have(&expired).await;
    peers[1].gets_nothing().await;
    assert_eq!(node.stats().rejected.expired, 1);
}

fn unsealed_before_now() -> Envelope {
    let live = unsealed(b"expired");
    let expiry = crate::support::NOW - 1;
    let data = live.seal(0).data().to_vec();
    whisper_envelope::Unsealed::v6(expiry, 10, crate::support::TOPIC, &data).seal(0)
}

/// For a receipt, a peer counts only when it fetched the envelope or announced it back.
#[tokio::test(start_paused = true)]
async fn an_announced_post_is_delivered_when_peers_fetch_it_or_announce_it() {
    let receipts = ReceiptSettings { peers: 2, ..ReceiptSettings::default() };
    let (node, mut peers) = crowded(Config { receipts, ..settings() }).await;
    let mut receipt = node.post(post(&node, &[7; 100_000])).await.unwrap();
    let id = OURS.id(&receipt.hash());
    for peer in &mut peers {
        assert_eq!(peer.announced().await, [id]);
    }
    let handed = |state| match state {
        ReceiptState::Pending(progress) => progress.handed,
        ReceiptState::Ended(ending) => panic!("{ending:?}"),
    };
    assert_eq!(handed(receipt.state()), 0, "it was announced only");
    send(&peers[0].lazy, &LazyMessage::Want(vec![id])).await;
    let _ = peers[0].shh.receive().await;
    assert_eq!(handed(receipt.state()), 1);
    let back = Announced { class: 9, id: peers[1].salt.id(&receipt.hash()) };
    send(&peers[1].lazy, &LazyMessage::Have(vec![back])).await;
    assert_eq!(receipt.ended().await, Ending::Delivered { peers: 2, acknowledged: 0 });
}

#[tokio::test(start_paused = true)]
async fn a_violation_ends_lazy_and_the_session_of_shh_goes_on() {
    let (node, mut peers) = crowded(settings()).await;
    let it = envelope(b"one");
    peers[0].shh.send_envelopes(&[&it]).await;
    assert_eq!(peers[1].announced().await, [OURS.id(it.hash())]);
    let mut violated = peers.remove(1);
    violated.lazy.send_raw(1, vec![0xc1, 0x80]).await.unwrap();
    assert!(violated.session.await.unwrap().is_err());
    let (code, packet) = violated.shh.receive().await;
    assert_eq!((code, packet.ends_with(it.raw())), (1, true), "what it was only told about");
    let new = envelope(b"two");
    peers[0].shh.send_envelopes(&[&new]).await;
    assert!(violated.shh.receive().await.1.ends_with(new.raw()));
    assert_eq!(peers[1].announced().await, [OURS.id(it.hash())]);
    assert!(!violated.shh.session.is_finished());
    assert_eq!(node.stats().faults, whisper_protocol::FaultStats::default());
}

#[tokio::test(start_paused = true)]
async fn violations_of_the_protocol_are_refused() {
    let node = node();
    let start_with = async |message: &[(u64, &[u8])]| {
        let (lazy, session) = start(&node, random_id());
        for (code, payload) in message {
            let _ = lazy.send_raw(*code, payload.to_vec()).await;
        }
        session.await.unwrap()
    };
    assert!(start_with(&[(4, &[0xc0])]).await.is_err(), "not START");
    assert!(start_with(&[(0, &[0xc0])]).await.is_err(), "malformed");
    assert!(start_with(&[]).await.is_err(), "no START in time");
    let (_, salt) = LazyMessage::Start(OURS).encode();
    assert!(start_with(&[(0, &salt)]).await.is_ok(), "without a session of shh it ends");
    let peer = LazyPeer::new(&node).await;
    send(&peer.lazy, &LazyMessage::Start(OURS)).await;
    assert!(peer.session.await.unwrap().is_err(), "a second START");
}

#[tokio::test(start_paused = true)]
async fn a_node_without_it_gets_everything() {
    let (node, mut peers) = crowded(settings()).await;
    let mut plain = RawPeer::greeted(&node).await;
    let it = envelope(b"one");
    peers[0].shh.send_envelopes(&[&it]).await;
    assert_eq!(peers[1].announced().await, [OURS.id(it.hash())]);
    assert!(plain.receive().await.1.ends_with(it.raw()));
    let off = crate::support::node();
    assert!(off.lazy_protocol().is_none());
}

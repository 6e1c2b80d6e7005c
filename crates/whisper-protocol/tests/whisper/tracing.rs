//! `trace/1`: nodes that consent say where an envelope is.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use p2p_identity::NodeId;
use p2p_mux::Channel;
use tokio::task::JoinHandle;
use whisper_protocol::{
    EnvelopeSource, Interest, SkipReason, Trace, TraceOff, TraceSettings, Whisper,
    trace_1::{QuestionId, TraceMessage, TraceQuestion, TraceState, TraceStatus},
};

use crate::support::{amount, node, post, random_id, settings, watch};

const TIME: Duration = Duration::from_secs(5);

/// A node that answers these peers.
struct Tracing {
    whisper: Whisper,
    id: NodeId,
}

impl Tracing {
    fn new(whisper: Whisper, may_trace: impl Fn(&NodeId) -> bool + Send + Sync + 'static) -> Self {
        let id = random_id();
        let settings = TraceSettings { own: id, network: 7, may_trace: Arc::new(may_trace) };
        let _ = whisper.trace_protocol(settings);
        Self { whisper, id }
    }

    fn open(whisper: Whisper) -> Self {
        Self::new(whisper, |_| true)
    }
}

/// Connects two nodes, with Whisper and `trace/1`.
fn join(a: &Tracing, b: &Tracing) -> [JoinHandle<Result<(), p2p_mux::Exit>>; 4] {
    let (near, far) = Channel::pipe();
    let (trace_near, trace_far) = Channel::pipe();
    [
        tokio::spawn(a.whisper.attach(b.id, near)),
        tokio::spawn(b.whisper.attach(a.id, far)),
        tokio::spawn(a.whisper.attach_trace(b.id, trace_near)),
        tokio::spawn(b.whisper.attach_trace(a.id, trace_far)),
    ]
}

/// Asks until that many nodes answer: a connection needs a moment.
async fn traced(node: &Whisper, hash: [u8; 32], nodes: usize) -> Trace {
    loop {
        let trace = node.trace(hash, TIME).await.unwrap();
        if trace.nodes.len() == nodes {
            return trace;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_way_of_a_message_is_traced_from_its_end() {
    let nodes = [(); 3].map(|()| Tracing::open(node()));
    let strict = Whisper::new(whisper_protocol::Config { min_work: amount(1e9), ..settings() });
    let strict = Tracing::open(strict);
    let [first, second, third] = &nodes;
    let _sessions = [join(first, second), join(second, third), join(second, &strict)];
    let mut watch = watch(&third.whisper);
    let receipt = first.whisper.post(post(&first.whisper, b"traced")).await.unwrap();
    watch.next().await.unwrap();

    let trace = traced(&third.whisper, receipt.hash(), 4).await;
    assert!(trace.is_complete);
    let way: Vec<_> = trace.nodes.iter().map(|node| (node.node, node.parent, node.depth)).collect();
    let expected = [
        (first.id, None, 0),
        (second.id, Some(0), 1),
        (third.id, Some(1), 2),
        (strict.id, None, 0),
    ];
    assert_eq!(way, expected);
    assert_eq!(trace.nodes[0].state.arrival().unwrap().source, EnvelopeSource::Here);
    assert!(matches!(trace.nodes[2].state, TraceState::Pooled(_)));
    // Where it stopped, and why.
    let stopped: Vec<_> =
        trace.nodes[1].not_sent.iter().map(|peer| (peer.node, peer.reason)).collect();
    assert_eq!(stopped, [(Some(strict.id), SkipReason::LowWork)]);
    assert_eq!(trace.nodes[3].state, TraceState::Unknown);

    // No node knows another one.
    let unknown = traced(&first.whisper, [9; 32], 4).await;
    assert!(unknown.nodes.iter().all(|node| node.state == TraceState::Unknown));
    assert_eq!(unknown.nodes[0].node, first.id, "the node that asked is the first");
}

#[tokio::test]
async fn nothing_is_said_of_filters() {
    let nodes = [(); 2].map(|()| Tracing::open(node()));
    let [sender, receiver] = &nodes;
    let _sessions = join(sender, receiver);
    // Its mailbox is for another key: the envelope is on its topic, and is not opened.
    let other = receiver.whisper.keys().new_symmetric();
    let spec = whisper_protocol::FilterSpec {
        key: whisper_protocol::FilterKey::Symmetric(other),
        ..crate::support::spec(&receiver.whisper)
    };
    receiver.whisper.subscribe(spec).unwrap();
    let receipt = sender.whisper.post(post(&sender.whisper, b"for others")).await.unwrap();
    let hash = receipt.hash();
    while receiver.whisper.explain(&hash).drops.is_empty() {
        tokio::task::yield_now().await;
    }
    let trace = traced(&sender.whisper, hash, 2).await;
    assert!(trace.nodes.iter().all(|node| node.drops.is_empty()), "{trace:?}");
}

#[tokio::test]
async fn a_stranger_is_told_nothing_and_is_not_asked() {
    let friend = Tracing::open(node());
    let friend_id = friend.id;
    let asked = Tracing::new(node(), move |id| *id == friend_id);
    let receipt = asked.whisper.post(post(&asked.whisper, b"secret")).await.unwrap();
    // The stranger asks at once.
    let (near, mut far) = Channel::pipe();
    let session = tokio::spawn(asked.whisper.attach_trace(random_id(), near));
    let stranger = |code, payload| far.send_raw(code, payload);
    let (code, status) = TraceMessage::Status(TraceStatus { network: 7 }).encode();
    let _ = stranger(code, status).await;
    assert_eq!(session.await.unwrap().map_err(|error| error.to_string()), Ok(()));
    assert!(far.recv().await.is_none(), "not even a status");
    // One that answers everybody is not asked by one that does not.
    let open = Tracing::open(node());
    let _sessions = [join(&asked, &open), join(&asked, &friend)];
    let trace = traced(&friend.whisper, receipt.hash(), 2).await;
    assert_eq!(trace.nodes[0].node, asked.id);
    assert!(trace.is_complete, "those that may not be asked are not missed");
    let of_stranger = open.whisper.trace(receipt.hash(), TIME).await.unwrap();
    assert_eq!(of_stranger.nodes.len(), 1, "only what it knows itself");
}

#[tokio::test]
async fn a_peer_of_another_network_is_told_nothing() {
    let asked = Tracing::open(node());
    let (near, mut far) = Channel::pipe();
    let session = tokio::spawn(asked.whisper.attach_trace(random_id(), near));
    let own = far.recv().await.unwrap();
    let own = TraceMessage::decode(own.code, &own.payload);
    assert_eq!(own, Ok(TraceMessage::Status(TraceStatus { network: 7 })));
    let (code, status) = TraceMessage::Status(TraceStatus { network: 8 }).encode();
    far.send_raw(code, status).await.unwrap();
    assert!(session.await.unwrap().is_ok());
    assert!(far.recv().await.is_none());
}

/// What violates the protocol ends it.
#[tokio::test]
async fn violations_end_the_protocol() {
    let status = |network| TraceMessage::Status(TraceStatus { network }).encode();
    let question = TraceMessage::Question(TraceQuestion {
        id: QuestionId([1; 16]),
        hash: [2; 32],
        hops: 3,
        time: 1000,
        limit: 10,
    });
    let cases: [(&str, Vec<(u64, Bytes)>); 4] = [
        ("a message before the status", vec![question.encode()]),
        ("a second status", vec![status(7), status(7)]),
        ("malformed message", vec![status(7), (1, Bytes::from_static(&[0xc0]))]),
        ("malformed message", vec![(0, Bytes::from_static(&[0x80]))]),
    ];
    for (error, messages) in cases {
        let asked = Tracing::open(node());
        let (near, far) = Channel::pipe();
        let session = tokio::spawn(asked.whisper.attach_trace(random_id(), near));
        for (code, payload) in messages {
            far.send_raw(code, payload).await.unwrap();
        }
        let ended = session.await.unwrap().unwrap_err();
        let source = ended.source().map(ToString::to_string).unwrap_or_default();
        assert!(format!("{ended} {source}").contains(error), "{ended}: {source}");
    }
}

/// A peer that asks and does not read fills no memory: its session ends.
#[tokio::test]
async fn a_peer_that_does_not_read_is_cut_off() {
    let asked = Tracing::open(node());
    let (near, far) = Channel::pipe();
    let session = tokio::spawn(asked.whisper.attach_trace(random_id(), near));
    let (code, status) = TraceMessage::Status(TraceStatus { network: 7 }).encode();
    far.send_raw(code, status).await.unwrap();
    for number in 0_u32.. {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let question =
            TraceQuestion { id: QuestionId(id), hash: [2; 32], hops: 3, time: 1000, limit: 10 };
        let (code, payload) = TraceMessage::Question(question).encode();
        if far.send_raw(code, payload).await.is_err() {
            break;
        }
    }
    let ended = session.await.unwrap().unwrap_err();
    let source = ended.source().map(ToString::to_string).unwrap_or_default();
    assert!(source.contains("does not read the answers"), "{ended}: {source}");
}

#[tokio::test]
async fn a_node_without_the_protocol_says_so() {
    let plain = node();
    assert_eq!(plain.trace([1; 32], TIME).await, Err(TraceOff));
    let (near, mut far) = Channel::pipe();
    let session = tokio::spawn(plain.attach_trace(random_id(), near));
    assert!(session.await.unwrap().is_ok());
    assert!(far.recv().await.is_none());
}

/// A light client is a node of the way as well.
#[tokio::test]
async fn a_node_that_relays_nothing_says_why_the_way_ends() {
    let light = Whisper::new(whisper_protocol::Config { light: true, ..settings() });
    let narrow =
        Whisper::new(whisper_protocol::Config { interest: Interest::Filters, ..settings() });
    let nodes = [Tracing::open(node()), Tracing::open(light), Tracing::open(narrow)];
    let [first, light, narrow] = &nodes;
    let _sessions = [join(first, light), join(light, narrow)];
    let receipt = first.whisper.post(post(&first.whisper, b"stops")).await.unwrap();
    let hash = receipt.hash();
    loop {
        let trace = traced(&narrow.whisper, hash, 3).await;
        let stopped: Vec<_> =
            trace.nodes.iter().flat_map(|node| &node.not_sent).map(|peer| peer.reason).collect();
        // A light client that asks for nothing else gets it; it does not pass it on.
        if let [reason] = stopped[..] {
            assert!(
                matches!(reason, SkipReason::LightClient | SkipReason::OutsideBloom),
                "{trace:?}"
            );
            assert_eq!(trace.nodes.last().unwrap().state, TraceState::Unknown);
            break;
        }
    }
}

use super::*;
use crate::{
    EnvelopeSource,
    whisper::trace::wire::{TraceArrival, TraceState},
};

const HASH: [u8; 32] = [7; 32];

fn id(index: usize) -> NodeId {
    let mut id = [0; 64];
    id[..8].copy_from_slice(&(index as u64).to_be_bytes());
    NodeId(id)
}

fn record(index: usize) -> TraceRecord {
    let arrival = TraceArrival { source: EnvelopeSource::Here, at: 1 };
    let state = TraceState::Pooled(arrival);
    TraceRecord { node: id(index), state, drops: Vec::new(), peers: Vec::new() }
}

fn question(hops: u8, limit: u32) -> TraceQuestion {
    TraceQuestion { id: QuestionId([1; 16]), hash: HASH, hops, time: 8000, limit }
}

/// Nodes whose messages arrive at once. The connection of a node with another one has the number of that one.
struct Net {
    nodes: Vec<Tracer>,
    /// Nodes that answer nothing.
    silent: Vec<usize>,
    now: Instant,
    sent: usize,
    done: Vec<TraceAnswer>,
}

impl Net {
    fn new(count: usize, links: &[(usize, usize)]) -> Self {
        let now = Instant::now();
        let mut nodes: Vec<Tracer> = (0..count).map(|_| Tracer::default()).collect();
        for (one, other) in links {
            nodes[*one].handle_peer(now, *other as u64, id(*other));
            nodes[*other].handle_peer(now, *one as u64, id(*one));
        }
        Self { nodes, silent: Vec::new(), now, sent: 0, done: Vec::new() }
    }

    fn begin(&mut self, node: usize, asker: Option<Connection>, question: &TraceQuestion) {
        let tracer = &mut self.nodes[node];
        let targets: Vec<_> =
            tracer.peers().into_iter().map(|(connection, _)| connection).collect();
        tracer.begin(self.now, asker, question, record(node), &targets);
    }

    /// The first node asks. Delivers everything.
    fn ask(&mut self, question: &TraceQuestion) {
        self.begin(0, None, question);
        self.deliver();
    }

    fn deliver(&mut self) {
        while let Some((from, output)) = self.next() {
            match output {
                Output::Done(answer) => self.done.push(answer),
                Output::Send { to, message } => {
                    let to = usize::try_from(to).unwrap();
                    self.sent += 1;
                    if self.silent.contains(&to) {
                        continue;
                    }
                    match message {
                        TraceMessage::Question(question) => {
                            let from = from as u64;
                            let admission =
                                self.nodes[to].handle_question(self.now, from, &question);
                            if admission == Admission::New {
                                self.begin(to, Some(from), &question);
                            }
                        }
                        TraceMessage::Answer(answer) => {
                            self.nodes[to].handle_answer(from as u64, answer);
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
    }

    fn next(&mut self) -> Option<(usize, Output)> {
        self.nodes
            .iter_mut()
            .enumerate()
            .find_map(|(index, node)| Some((index, node.poll_output()?)))
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        let now = self.now;
        self.nodes.iter_mut().for_each(|node| node.handle_timeout(now));
        self.deliver();
    }

    /// The nodes in the only answer, and whether it is cut.
    fn answered(&mut self) -> (Vec<NodeId>, bool) {
        assert_eq!(self.done.len(), 1);
        let answer = self.done.pop().unwrap();
        let mut nodes: Vec<_> = answer.records.iter().map(|record| record.node).collect();
        nodes.sort_unstable();
        (nodes, answer.is_cut)
    }
}

fn ids(nodes: impl IntoIterator<Item = usize>) -> Vec<NodeId> {
    nodes.into_iter().map(id).collect()
}

#[test]
fn each_node_answers_once_whatever_the_loops() {
    // All are connected with all.
    let links: Vec<_> = (0..8).flat_map(|one| (0..one).map(move |other| (one, other))).collect();
    let mut net = Net::new(8, &links);
    net.ask(&question(MAX_HOPS, 1024));
    assert_eq!(net.answered(), (ids(0..8), false));
    // At most one question and one answer over each link in each direction.
    assert!(net.sent <= 4 * links.len(), "{}", net.sent);
    assert!(net.nodes.iter().all(|node| node.open.is_empty()));
    assert!(net.nodes.iter().flat_map(|node| node.peers.values()).all(|peer| peer.open == 0));
    // The same question again is not answered.
    assert_eq!(net.nodes[1].handle_question(net.now, 0, &question(3, 10)), Admission::Repeated);
}

#[test]
fn a_question_ends_after_its_hops_and_its_records() {
    let line: Vec<_> = (1..6).map(|node| (node - 1, node)).collect();
    for (hops, limit, reached) in
        [(2, 1024, 3), (5, 1024, 6), (MAX_HOPS, 4, 4), (0, 10, 1), (9, 1, 1)]
    {
        let mut net = Net::new(6, &line);
        net.ask(&question(hops, limit));
        assert_eq!(net.answered(), (ids(0..reached), reached < 6), "{hops} {limit}");
    }
}

#[test]
fn the_answer_is_bounded_in_bytes() {
    let star: Vec<_> = (1..300).map(|node| (0, node)).collect();
    let mut net = Net::new(300, &star);
    let big = |index: usize| {
        let peers = vec![
            super::super::wire::TracedPeer {
                peer: super::super::wire::PeerPrefix([1; 16]),
                fate: super::super::wire::PeerFate::Sent
            };
            100
        ];
        TraceRecord { peers, ..record(index) }
    };
    let targets: Vec<_> = (1..300).collect();
    net.nodes[0].begin(net.now, None, &question(1, 1024), big(0), &targets);
    for index in 1..300_usize {
        let answer =
            TraceAnswer { id: QuestionId([1; 16]), records: vec![big(index)], is_cut: false };
        net.nodes[0].handle_answer(index as u64, answer);
    }
    let outputs = std::iter::from_fn(|| net.nodes[0].poll_output());
    let done = outputs.filter_map(|output| match output {
        Output::Done(answer) => Some(answer),
        Output::Send { .. } => None,
    });
    let answer = done.last().unwrap();
    assert!(answer.is_cut && answer.records.len() > 100);
    let (_, payload) = TraceMessage::Answer(answer).encode();
    assert!((MAX_ANSWER_BYTES - 4000..=MAX_ANSWER_BYTES).contains(&payload.len()));
}

#[test]
fn a_node_that_is_silent_or_leaves_does_not_hold_up_the_others() {
    let links = [(0, 1), (0, 2), (1, 3), (3, 4)];
    let mut net = Net::new(5, &links);
    net.silent = vec![4];
    net.ask(&question(9, 100));
    assert!(net.done.is_empty());
    // The last one before the silent node has three quarters of three quarters of the time.
    net.pass(Duration::from_millis(8000 / 16 * 9));
    assert_eq!(net.answered(), (ids([0, 1, 2, 3]), true));

    let mut net = Net::new(5, &links);
    net.silent = vec![3];
    net.ask(&question(9, 100));
    net.nodes[1].handle_closed(3);
    net.deliver();
    assert_eq!(net.answered(), (ids([0, 1, 2]), true));
    // One that asked and left gets nothing.
    let mut net = Net::new(3, &[(0, 1), (1, 2)]);
    net.silent = vec![2];
    net.ask(&question(9, 100));
    net.nodes[1].handle_closed(0);
    assert!(net.nodes[1].open.is_empty());
    net.pass(Duration::from_secs(60));
    assert_eq!(net.answered(), (ids([0]), true));
}

#[test]
fn an_answer_that_was_not_asked_for_is_ignored() {
    let mut net = Net::new(3, &[(0, 1), (0, 2)]);
    net.silent = vec![1, 2];
    net.ask(&question(9, 100));
    let answer = |index| TraceAnswer {
        id: QuestionId([1; 16]),
        records: vec![record(index), record(0)],
        is_cut: false,
    };
    net.nodes[0].handle_answer(7, answer(7));
    net.nodes[0].handle_answer(1, answer(1));
    net.nodes[0].handle_answer(1, answer(5));
    let other = TraceAnswer { id: QuestionId([9; 16]), ..answer(6) };
    net.nodes[0].handle_answer(2, other);
    net.nodes[0].handle_answer(2, answer(2));
    net.deliver();
    assert_eq!(net.answered(), (ids([0, 1, 2]), false));
}

#[test]
fn a_peer_that_asks_too_much_is_refused() {
    let mut net = Net::new(3, &[(0, 1), (1, 2)]);
    net.silent = vec![2];
    let ask = |net: &mut Net, number: u8| {
        let question = TraceQuestion { id: QuestionId([number; 16]), ..question(9, 100) };
        let admission = net.nodes[1].handle_question(net.now, 0, &question);
        if admission == Admission::New {
            net.begin(1, Some(0), &question);
        }
        admission
    };
    let first = (0..20).filter(|number| ask(&mut net, *number) == Admission::New).count();
    assert_eq!(first, MAX_OPEN_OF_PEER, "the others are still open");
    net.pass(Duration::from_secs(10));
    let later = (100..200).filter(|number| ask(&mut net, *number) != Admission::Refused).count();
    assert_eq!(later, MAX_OPEN_OF_PEER);
    // A question that is refused is not remembered: another peer may ask it.
    assert!(!net.nodes[1].seen.ids.contains(&QuestionId([199; 16])));
}

#[test]
fn old_questions_are_forgotten() {
    let mut seen = Seen::default();
    for number in 0..=MAX_SEEN {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(number as u64).to_be_bytes());
        seen.insert(QuestionId(id));
        seen.insert(QuestionId(id));
    }
    assert_eq!((seen.ids.len(), seen.by_age.len()), (MAX_SEEN, MAX_SEEN));
    assert!(!seen.ids.contains(&QuestionId([0; 16])));
}

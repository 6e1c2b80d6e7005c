//! A node that asks mail servers: its own kind, and those of go-ethereum, which never say that an answer has ended.

use std::time::Duration;

use futures_util::future::join;
use p2p_identity::NodeId;
use tokio::task::yield_now;
use whisper_envelope::{Dialect, SymmetricKey};
use whisper_protocol::{
    Bloom, DirectError, Envelope, MailAnswer, MailAsk, MailAskError, MailSeal, MailServerSettings,
    OpenRequests, Remote, Rule, Whisper, Work,
    packet::{Completion, Query, QueryForm, Request},
};

use crate::{
    mail_server::{NEWS, Served, password, serve, settings, stored},
    support::{self, NOW, RawPeer, amount, node, random_id},
};

/// The envelopes of the tests: five of the last hour.
fn five() -> Vec<Envelope> {
    (0..5).map(|number| stored(NEWS, 60, number)).collect()
}

/// A node that is connected to a mail server, and the id of that.
async fn client_of(served: &Served) -> (Whisper, NodeId) {
    let client = node();
    let joined = support::join(&client, &served.node);
    while client.stats().sessions.established + served.node.stats().sessions.established < 2 {
        yield_now().await;
    }
    (client, joined.ids[0])
}

fn ask(seal: MailSeal) -> MailAsk {
    let query = Query { from: NOW - 3600, topics: vec![NEWS], limit: 2, ..Query::default() };
    MailAsk { min_work: Work::ZERO, ..MailAsk::new(query, seal) }
}

fn by_password() -> MailAsk {
    ask(MailSeal::Password(password()))
}

#[tokio::test(start_paused = true)]
async fn pages_are_asked_for_until_nothing_is_left() {
    for (seal, form) in [
        (MailSeal::Open, None),
        (MailSeal::Password(password()), None),
        (MailSeal::Password(password()), Some(QueryForm::Binary)),
        (MailSeal::Password(password()), Some(QueryForm::SevenFields)),
    ] {
        let served = serve(settings(), five()).await;
        let (client, server) = client_of(&served).await;
        let mut ask = MailAsk { form, ..ask(seal) };
        let mut pages = Vec::new();
        loop {
            let answer = client.request_messages(server, ask.clone()).await.unwrap();
            assert!(answer.is_confirmed);
            pages.push((answer.received, answer.last));
            let Some(cursor) = answer.cursor else { break };
            ask.query.cursor = cursor.to_vec().into();
        }
        let last = [1, 3, 4].map(|index: usize| Some(*five()[index].hash()));
        assert_eq!(pages, [(2, last[0]), (2, last[1]), (1, last[2])], "{form:?}");
        while client.stats().sessions.direct_received < 5 {
            yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_an_answer() {
    let served = serve(settings(), Vec::new()).await;
    let (client, server) = client_of(&served).await;
    let answer = client.request_messages(server, ask(MailSeal::Open)).await.unwrap();
    let MailAnswer { received, last, cursor, is_confirmed, .. } = answer;
    assert_eq!((received, last, cursor, is_confirmed), (0, None, None, true));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_refused_with_a_reason() {
    let closed = MailServerSettings { open: OpenRequests::Refused, ..settings() };
    let served = serve(closed, five()).await;
    let (client, server) = client_of(&served).await;
    let wrong = ask(MailSeal::Password(SymmetricKey::from_bytes([1; 32])));
    let refused = client.request_messages(server, wrong).await.unwrap_err();
    assert_eq!(refused, MailAskError::Refused("failed to decrypt p2p request".into()));
    let refused = client.request_messages(server, ask(MailSeal::Open)).await.unwrap_err();
    assert!(matches!(&refused, MailAskError::Refused(text) if text.contains("unencrypted")));
}

const GETH: &str = "Geth/v1.8.27-stable/linux-amd64/go1.11.5";
pub(crate) const STATUS_GO: &str = "StatusIM/v0.38.0/linux-amd64/go1.13";
/// A program with go-ethereum's library.
const KEEPER: &str = "keeper/v1.0.0";

/// A node, and a peer of it that the test controls, with this client name, after the exchange of status packets. That of status-go has
/// an element more than go-ethereum's.
pub(crate) async fn with_peer(client: &str) -> (Whisper, RawPeer) {
    let node = node();
    let remote = Remote::new(Dialect::V6, random_id()).client(client);
    let status: &[u8] = match client {
        STATUS_GO => &[0xc5, 0x06, 0x80, 0x80, 0x80, 0x80],
        _ => &[0xc4, 0x06, 0x80, 0x80, 0x80],
    };
    let peer = RawPeer::who_is(&node, remote).after(status).await;
    while node.stats().sessions.established == 0 {
        yield_now().await;
    }
    (node, peer)
}

#[tokio::test(start_paused = true)]
async fn a_server_of_go_ethereum_is_taken_to_have_ended_when_it_is_silent() {
    for client in [GETH, KEEPER] {
        let (node, mut peer) = with_peer(client).await;
        let (id, mut ask) = (peer.id, by_password());
        let server = async {
            let (code, payload) = peer.receive().await;
            let request = Request::decode(Dialect::V6, &payload).unwrap();
            let Request::Sealed(envelope) = &request else { panic!("{code}: {request:?}") };
            let message = envelope.open_symmetric(&password()).unwrap().payload.to_vec();
            for envelope in five() {
                // Each comes within the time, all of them together do not.
                tokio::time::sleep(Duration::from_secs(9)).await;
                peer.send(127, envelope.raw()).await;
            }
            (code, request.id(), message)
        };
        let asking = node.request_messages(id, ask.clone());
        let (answer, (code, asked, message)) = join(asking, server).await;
        let none = (None, None, false);
        let MailAnswer { last, cursor, is_confirmed, received, .. } = answer.clone().unwrap();
        assert_eq!((last, cursor, is_confirmed), none, "{client}");
        assert_eq!((received, answer.unwrap().id), (5, asked));
        // It reads no other form, however long the time is.
        ask.query.to = u32::MAX - 1;
        assert_eq!((code, &message[..]), (126, &ask.query.encode(QueryForm::Binary)[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn silence_and_half_an_answer_are_errors() {
    let (node, peer) = with_peer(STATUS_GO).await;
    let silence = node.request_messages(peer.id, by_password()).await;
    assert_eq!(silence, Err(MailAskError::Unanswered(Duration::from_secs(10))));

    for ask in [ask(MailSeal::Open), by_password()] {
        let (node, mut peer) = with_peer(STATUS_GO).await;
        let id = peer.id;
        let server = async {
            peer.receive().await;
            peer.send(127, five()[0].raw()).await;
            // The end of another answer.
            let other = Completion::Done { request: [9; 32], last: None, cursor: None };
            peer.send(125, &other.encode()).await;
        };
        let (half, ()) = join(node.request_messages(id, ask), server).await;
        let timeout = Duration::from_secs(10);
        assert_eq!(half, Err(MailAskError::Stalled { received: 1, timeout }));
        assert_eq!(node.stats().extensions.completions_ignored, 1);
    }
}

/// No version of status-go reads the cursor of the binary form, and all refuse more than a day in it. Each refuses the list of fields
/// of the others.
#[tokio::test(start_paused = true)]
async fn a_server_of_status_go_is_sent_a_cursor_and_a_long_time_in_the_form_of_its_version() {
    let (node, mut peer) = with_peer(STATUS_GO).await;
    let id = peer.id;
    let cursor = [7; 36];
    let mut endless = by_password();
    let mut ask = by_password();
    (ask.query.from, ask.query.to) = (1_700_000_000, 1_700_086_400);
    let mut next = ask.clone();
    next.query.cursor = cursor.to_vec().into();
    let server = async {
        let mut written = Vec::new();
        for refused in [false, true, false, true, false] {
            let (_, payload) = peer.receive().await;
            let request = Request::decode(Dialect::V6, &payload).unwrap();
            let Request::Sealed(envelope) = &request else { panic!("{request:?}") };
            written.push(envelope.open_symmetric(&password()).unwrap().payload.to_vec());
            let (request, text) = (request.id(), "failed to decode data: too many".to_owned());
            let end = match refused {
                true => Completion::Failed { request, text },
                false => Completion::Done { request, last: None, cursor: Some(cursor) },
            };
            peer.send(125, &end.encode()).await;
        }
        written
    };
    let asking = async {
        node.request_messages(id, ask.clone()).await.unwrap();
        node.request_messages(id, next.clone()).await.unwrap();
        node.request_messages(id, endless.clone()).await.unwrap();
    };
    let ((), written) = join(asking, server).await;
    endless.query.to = u32::MAX - 1;
    let forms = [
        ask.query.encode(QueryForm::Binary),
        next.query.encode(QueryForm::SixFields),
        next.query.encode(QueryForm::SevenFields),
        endless.query.encode(QueryForm::SixFields),
        endless.query.encode(QueryForm::SevenFields),
    ];
    assert_eq!(written, forms);
}

/// Over shh/6, servers of status-go disconnect a client whose unencrypted request has a list of topics.
#[tokio::test(start_paused = true)]
async fn an_unencrypted_request_has_a_list_of_topics_only_for_this_project() {
    for (client, has_list) in [(STATUS_GO, false), ("whisper-node/v0.1.0", true)] {
        for topics in [vec![NEWS], Vec::new()] {
            let (node, mut peer) = with_peer(client).await;
            let id = peer.id;
            let mut ask = ask(MailSeal::Open);
            ask.query.topics = topics.clone();
            let server = async {
                let (_, payload) = peer.receive().await;
                let request = Request::decode(Dialect::V6, &payload).unwrap();
                let done = Completion::Done { request: request.id(), last: None, cursor: None };
                peer.send(125, &done.encode()).await;
                request
            };
            let (answer, request) = join(node.request_messages(id, ask), server).await;
            assert!(answer.is_ok(), "{answer:?}");
            let Request::Open { query, .. } = request else { panic!("{request:?}") };
            let of_topics = topics.iter().copied().map(Bloom::of).reduce(Bloom::union);
            let (listed, bloom) = match has_list {
                true => (topics, None),
                false => (Vec::new(), Some(of_topics.unwrap_or(Bloom::FULL))),
            };
            assert_eq!((query.topics, query.bloom), (listed, bloom), "{client}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there_or_goes_is_an_error() {
    let stranger = random_id();
    let unsent = node().request_messages(stranger, by_password()).await;
    assert_eq!(unsent, Err(MailAskError::Unsent(DirectError::NoSuchPeer(stranger))));

    let (node, mut peer) = with_peer(STATUS_GO).await;
    let id = peer.id;
    let stats = || node.stats().sessions;
    let server = async move {
        peer.receive().await;
        peer.send(127, five()[0].raw()).await;
        while stats().direct_received == 0 {
            yield_now().await;
        }
        drop(peer);
    };
    let (gone, ()) = join(node.request_messages(id, by_password()), server).await;
    assert_eq!(gone, Err(MailAskError::Disconnected { received: 1 }));
}

/// Servers of status-go count work by another rule than those of go-ethereum 1.8, and say so only when they refuse.
#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_the_work_is_asked_under_another_rule() {
    let (node, mut peer) = with_peer(STATUS_GO).await;
    let work = Work::new(0.2).unwrap();
    let mut ask = MailAsk { min_work: work, ..by_password() };
    (ask.query.from, ask.query.to) = (1_700_000_000, 1_700_086_400);
    let id = peer.id;
    let server = async {
        let (_, payload) = peer.receive().await;
        let first = Request::decode(Dialect::V6, &payload).unwrap();
        let text = "PoW() is too low".to_owned();
        peer.send(125, &Completion::Failed { request: first.id(), text }.encode()).await;
        let (_, payload) = peer.receive().await;
        let second = Request::decode(Dialect::V6, &payload).unwrap();
        let done = Completion::Done { request: second.id(), last: None, cursor: None };
        peer.send(125, &done.encode()).await;
        [first, second]
    };
    let (answer, requests) = join(node.request_messages(id, ask), server).await;
    assert!(answer.is_ok(), "{answer:?}");
    for (request, rule) in requests.iter().zip([Rule::GETH_1_8, Rule::EIP_627]) {
        let Request::Sealed(envelope) = request else { panic!("{request:?}") };
        assert!(whisper_pow::work(rule, envelope).unwrap() >= work, "{rule:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_not_asked_again() {
    let (node, mut peer) = with_peer(STATUS_GO).await;
    let asked = |limit| {
        let mut ask = ask(MailSeal::Open);
        ask.query.limit = limit;
        node.request_messages(peer.id, ask)
    };
    let (first, second) = (asked(1), asked(2));
    let server = async {
        for limit in [1, 2] {
            let (_, payload) = peer.receive().await;
            let request = Request::decode(Dialect::V6, &payload).unwrap();
            assert!(matches!(&request, Request::Open { query, .. } if query.limit == limit));
            tokio::time::sleep(Duration::from_secs(9)).await;
            let done = Completion::Done { request: request.id(), last: None, cursor: None };
            peer.send(125, &done.encode()).await;
        }
    };
    let ((first, second), ()) = join(join(first, second), server).await;
    assert!(first.is_ok() && second.is_ok(), "{first:?}, {second:?}");
}

#[tokio::test(start_paused = true)]
async fn too_much_work_is_an_error() {
    let (node, peer) = with_peer(STATUS_GO).await;
    let timeout = Duration::from_millis(1);
    let dear = MailAsk { min_work: amount(1e12), timeout, ..by_password() };
    let unsealed = node.request_messages(peer.id, dear).await;
    assert!(matches!(unsealed, Err(MailAskError::Unsealed(_))), "{unsealed:?}");
}

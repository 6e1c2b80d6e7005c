//! Requests for old envelopes, and their answers.

use crate::support::{
    self, NOW, RawPeer, TOPIC, amount, envelope, join, node, random_id, settings, spec, unsealed_in,
};
use whisper_envelope::{Dialect, Draft};
use whisper_protocol::{
    Config, DirectError, Envelope, FilterSpec,
    packet::{Completion, Query, Request},
};

/// An envelope that expired a day ago.
fn old(payload: &[u8]) -> Envelope {
    let key = support::key();
    let to = whisper_envelope::Recipient::Symmetric(&key);
    let draft = Draft::new(Dialect::V6, to, NOW - 86_400).topic(TOPIC).payload(payload);
    draft.encrypt(&mut rand::rng()).unwrap().seal(0)
}

#[tokio::test]
async fn a_node_gets_old_envelopes_from_a_mail_server() {
    let (client, server) = (node(), node());
    let mut watch = client.watch(FilterSpec { allow_p2p: true, ..spec(&client) }).unwrap();
    let joined = join(&client, &server);
    let mut requests = server.mail_requests(8);
    while client.stats().sessions.established + server.stats().sessions.established < 2 {
        tokio::task::yield_now().await;
    }
    let wanted = envelope(b"what was said yesterday?");
    client.request_mail(joined.ids[0], wanted.clone()).await.unwrap();
    let request = requests.next().await.unwrap();
    assert_eq!((request.peer, request.dialect), (joined.ids[1], Dialect::V6));
    assert_eq!(request.request, Request::Sealed(wanted));
    for payload in [&b"this"[..], b"and that"] {
        request.answer(&old(payload)).await.unwrap();
    }
    for payload in [&b"this"[..], b"and that"] {
        let received = watch.next().await.unwrap();
        assert_eq!((&received.message.payload[..], received.direct), (payload, true));
    }
    assert_eq!(client.info().envelopes, 0, "nothing of it is pooled");
    assert_eq!(server.stats().sessions.requests_taken, 1);
    assert_eq!(server.stats().sessions.direct_sent, 2);

    let of_v5 = unsealed_in(Dialect::V5, b"old").seal(0);
    let other = DirectError::OtherDialect { id: joined.ids[1], dialect: Dialect::V5 };
    assert_eq!(request.answer(&of_v5).await, Err(other));
    client.stop().await;
    while request.answer(&old(b"too late")).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_unencrypted_request_is_answered_with_a_completion() {
    let node = node();
    let mut requests = node.mail_requests(8);
    let mut peer = RawPeer::greeted(&node).await;
    let query = Query {
        from: NOW - 3600,
        to: NOW,
        topics: vec![whisper_protocol::Topic(*b"news")],
        limit: 10,
        batch: true,
        ..Query::default()
    };
    let asked = Request::Open { id: [7; 32], query };
    peer.send(126, &asked.encode()).await;
    let request = requests.next().await.unwrap();
    assert_eq!(request.request, asked);
    let done = Completion::Done { request: [7; 32], last: None, cursor: None };
    request.complete(&done).await.unwrap();
    assert_eq!(peer.receive().await, (125, done.encode()));
}

#[tokio::test]
async fn the_last_reader_gets_the_requests() {
    let node = node();
    let mut before = node.mail_requests(8);
    let mut now = node.mail_requests(8);
    let peer = RawPeer::greeted(&node).await;
    peer.send(126, envelope(b"1").raw()).await;
    assert!(now.next().await.is_some() && before.next().await.is_none());
    drop(now);
    peer.send(126, envelope(b"2").raw()).await;
    while node.stats().sessions.requests_ignored == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_makes_the_peer_trusted_and_needs_a_connection() {
    let node = whisper_protocol::Whisper::new(Config { min_work: amount(1e9), ..settings() });
    let stranger = random_id();
    let asked = node.request_mail(stranger, envelope(b"anybody?")).await;
    assert_eq!(asked, Err(DirectError::NoSuchPeer(stranger)));
    let mut peer = RawPeer::greeted(&node).await;
    while node.stats().sessions.established == 0 {
        tokio::task::yield_now().await;
    }
    let request = envelope(b"please");
    node.request_mail(peer.id, request.clone()).await.unwrap();
    assert_eq!(peer.receive().await, (126, request.raw().clone()));
    peer.send(127, old(b"here").raw()).await;
    while node.stats().sessions.direct_received == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn shh_5_has_requests_as_well() {
    let node = node();
    let mut requests = node.mail_requests(8);
    let mut peer = RawPeer::greeted_in_v5(&node).await;
    let sealed = unsealed_in(Dialect::V5, b"please").seal(0);
    peer.send(3, sealed.raw()).await;
    let request = requests.next().await.unwrap();
    assert_eq!(request.dialect, Dialect::V5);
    let answer = unsealed_in(Dialect::V5, b"here").seal(0);
    request.answer(&answer).await.unwrap();
    assert_eq!(peer.receive().await, (2, answer.raw().clone()));
    let done = Completion::Done { request: [7; 32], last: None, cursor: None };
    let no_words = DirectError::OtherDialect { id: peer.id, dialect: Dialect::V5 };
    assert_eq!(request.complete(&done).await, Err(no_words));
}

//! A mail server over an archive, asked in the words of each client.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use p2p_identity::SecretKey;
use p2p_mux::rlp::Item;
use p2p_world::SystemWorld;
use tokio::task::yield_now;
use whisper_envelope::{Dialect, Draft, Recipient, SymmetricKey, Unsealed};
use whisper_protocol::{
    Archive as _, ArchiveId, Bloom, Envelope, MailServer, MailServerSettings, OpenRequests, Topic,
    Whisper,
    packet::{Completion, Cursor, Query, QueryForm, Request},
};

use crate::{
    archive::TestArchive,
    support::{NOW, RawPeer, amount, node},
};

pub(crate) const NEWS: Topic = Topic(*b"news");
const CHAT: Topic = Topic(*b"chat");

pub(crate) fn password() -> SymmetricKey {
    SymmetricKey::from_bytes([9; 32])
}

/// An envelope that was sent `ago` seconds before the present. It may have expired.
pub(crate) fn stored(topic: Topic, ago: u32, number: u64) -> Envelope {
    Unsealed::v6(NOW - ago + 50, 50, topic, &[0; 64]).seal(number)
}

/// A node that is a mail server, and its archive.
pub(crate) struct Served {
    pub(crate) node: Whisper,
    pub(crate) archive: Arc<TestArchive>,
}

pub(crate) async fn serve(settings: MailServerSettings, envelopes: Vec<Envelope>) -> Served {
    let (node, archive) = (node(), TestArchive::new());
    archive.append(envelopes).await.unwrap();
    let server = MailServer::new(SystemWorld::shared(), Arc::clone(&archive) as _, settings);
    let requests = node.mail_requests(8);
    tokio::spawn(async move { server.run(requests).await });
    Served { node, archive }
}

pub(crate) fn settings() -> MailServerSettings {
    let interval = Duration::ZERO;
    MailServerSettings { password: Some(password()), interval, ..MailServerSettings::default() }
}

/// Seals a request as clients do: signed, with the password.
pub(crate) fn seal(dialect: Dialect, message: &[u8]) -> Envelope {
    let (key, signer) = (password(), SecretKey::from_bytes(&[5; 32]).unwrap());
    let draft = Draft::new(dialect, Recipient::Symmetric(&key), NOW).payload(message);
    draft.sign(&signer).encrypt(&mut rand::rng()).unwrap().seal(0)
}

/// Everything that a peer is sent until the end of an answer: the envelopes as they came, and the end.
pub(crate) async fn answer(peer: &mut RawPeer) -> (Vec<Bytes>, Completion) {
    let mut packets = Vec::new();
    loop {
        match peer.receive().await {
            (127, packet) => packets.push(packet),
            (125, packet) => return (packets, Completion::decode(&packet).unwrap()),
            other => panic!("{other:?}"),
        }
    }
}

fn raws(envelopes: &[Envelope]) -> Vec<Bytes> {
    envelopes.iter().map(|envelope| envelope.raw().clone()).collect()
}

/// Asks in the open for at most `limit` envelopes of the news.
fn open(limit: u32, cursor: &[u8]) -> Request {
    let query = Query {
        from: NOW - 3600,
        to: NOW,
        topics: vec![NEWS],
        limit,
        cursor: Bytes::copy_from_slice(cursor),
        ..Query::default()
    };
    Request::Open { id: [3; 32], query }
}

/// The end of an answer to [`open`].
fn done(last: [u8; 32], cursor: Option<Cursor>) -> Completion {
    Completion::Done { request: [3; 32], last: Some(last), cursor }
}

#[tokio::test]
async fn a_client_of_go_ethereum_gets_everything_in_single_packets() {
    let archived = [stored(NEWS, 60, 1), stored(CHAT, 50, 2), stored(NEWS, 7200, 3)];
    let served = serve(settings(), archived.to_vec()).await;
    let mut peer = RawPeer::greeted(&served.node).await;
    // No upper limit: wnode writes it so.
    let mut binary = [(NOW - 3600).to_be_bytes(), u32::MAX.to_be_bytes()].concat();
    let request = seal(Dialect::V6, &binary);
    peer.send(126, request.raw()).await;
    let (packets, end) = answer(&mut peer).await;
    assert_eq!(packets, raws(&archived[..2]), "of every topic, but not what is too old");
    let last = Some(*archived[1].hash());
    assert_eq!(end, Completion::Done { request: *request.hash(), last, cursor: None });

    binary.extend_from_slice(&Bloom::of(NEWS).0);
    peer.send(126, seal(Dialect::V6, &binary).raw()).await;
    assert_eq!(answer(&mut peer).await.0, raws(&archived[..1]));
}

#[tokio::test]
async fn a_client_of_shh_5_is_answered_without_an_end() {
    let old = Unsealed::v5(0, NOW - 10, 50, NEWS, Some([1; 12]), &[0; 64]).seal(1);
    let served = serve(settings(), vec![stored(NEWS, 60, 1), old.clone()]).await;
    let mut peer = RawPeer::greeted_in_v5(&served.node).await;
    let message = [0_u32.to_be_bytes(), NOW.to_be_bytes()].concat();
    peer.send(3, seal(Dialect::V5, &message).raw()).await;
    assert_eq!(peer.receive().await, (2, old.raw().clone()), "only of its own dialect");

    let other = Unsealed::v5(0, NOW - 10, 50, NEWS, Some([1; 12]), &[0; 64]).seal(2);
    served.archive.append(vec![other.clone()]).await.unwrap();
    let query = Query { batch: true, ..Query::default() }.encode(QueryForm::SixFields);
    peer.send(3, seal(Dialect::V5, &query).raw()).await;
    for single in [old, other] {
        assert_eq!(peer.receive().await, (2, single.raw().clone()), "no lists in shh/5");
    }
}

#[tokio::test]
async fn clients_of_status_go_are_answered_in_each_of_their_forms() {
    let archived: Vec<_> = (0..3).map(|number| stored(NEWS, 60, number)).collect();
    let served = serve(settings(), archived.clone()).await;
    let mut peer = RawPeer::greeted(&served.node).await;
    for form in [QueryForm::SixFields, QueryForm::SevenFields, QueryForm::TopicsLast] {
        let query = Query {
            from: NOW - 3600,
            topics: vec![NEWS],
            limit: 10,
            batch: true,
            ..Query::default()
        };
        peer.send(126, seal(Dialect::V6, &query.encode(form)).raw()).await;
        let (packets, end) = answer(&mut peer).await;
        if form == QueryForm::TopicsLast {
            assert_eq!(packets, raws(&archived), "it has no flag for several in a packet");
        } else {
            let [packet] = &packets[..] else { panic!("{packets:?}") };
            let all = raws(&archived).concat();
            assert_eq!(Item::parse(packet).unwrap().payload(), &all, "one list");
        }
        assert!(matches!(end, Completion::Done { cursor: None, .. }), "{form:?}: {end:?}");
    }
}

#[tokio::test]
async fn pages_go_on_after_the_cursor_and_late_envelopes_are_not_missed() {
    let archived: Vec<_> = (0..5).map(|number| stored(NEWS, 60, number)).collect();
    let served = serve(settings(), archived.clone()).await;
    let mut peer = RawPeer::greeted(&served.node).await;
    let mut cursor = Vec::new();
    for page in [0..2, 2..4] {
        peer.send(126, &open(2, &cursor).encode()).await;
        let (packets, end) = answer(&mut peer).await;
        let expected = raws(&archived[page.clone()]).concat();
        assert_eq!(Item::parse(&packets[0]).unwrap().payload(), &expected);
        let Completion::Done { last, cursor: Some(next), .. } = end else { panic!("{end:?}") };
        assert_eq!(last, Some(*archived[page.end - 1].hash()));
        cursor = next.to_vec();
    }
    // Sent before everything else, stored after the first pages.
    let late = stored(NEWS, 1800, 99);
    served.archive.append(vec![late.clone()]).await.unwrap();
    peer.send(126, &open(2, &cursor).encode()).await;
    let (packets, end) = answer(&mut peer).await;
    let expected = raws(&[archived[4].clone(), late.clone()]).concat();
    assert_eq!(Item::parse(&packets[0]).unwrap().payload(), &expected);
    assert_eq!(end, done(*late.hash(), None), "no cursor: nothing is left");
}

#[tokio::test]
async fn an_archive_that_is_replaced_during_an_answer_ends_it() {
    let archived: Vec<_> = (0..3).map(|number| stored(NEWS, 60, number)).collect();
    let served = serve(settings(), archived).await;
    let mut peer = RawPeer::greeted(&served.node).await;
    let gate = served.archive.gate.write().await;
    peer.send(126, &open(2, &[]).encode()).await;
    while served.archive.asked.load(Relaxed) == 0 {
        yield_now().await;
    }
    served.archive.renew(ArchiveId([8; 8]));
    drop(gate);
    let (packets, end) = answer(&mut peer).await;
    let Completion::Failed { text, .. } = end else { panic!("{end:?}") };
    assert!(packets.is_empty() && text.contains("replaced"), "{text}");
}

#[tokio::test]
async fn a_cursor_beyond_what_is_stored_is_refused() {
    let archived: Vec<_> = (0..3).map(|number| stored(NEWS, 60, number)).collect();
    let served = serve(settings(), archived.clone()).await;
    let mut peer = RawPeer::greeted(&served.node).await;
    peer.send(126, &open(2, &[]).encode()).await;
    let Completion::Done { cursor: Some(cursor), .. } = answer(&mut peer).await.1 else {
        panic!("there is more")
    };
    let older_copy = serve(settings(), archived[..1].to_vec()).await;
    let mut peer = RawPeer::greeted(&older_copy.node).await;
    let refused = refusal(&mut peer, &open(2, &cursor).encode()).await;
    assert!(refused.contains("replaced"), "{refused}");
}

#[tokio::test]
async fn an_empty_answer_has_an_end() {
    let served = serve(settings(), vec![stored(CHAT, 60, 1)]).await;
    let mut peer = RawPeer::greeted(&served.node).await;
    peer.send(126, &open(10, &[]).encode()).await;
    assert_eq!(answer(&mut peer).await, (Vec::new(), done([0; 32], None)));
}

/// The text of the refusal of a request.
pub(crate) async fn refusal(peer: &mut RawPeer, request: &[u8]) -> String {
    peer.send(126, request).await;
    match answer(peer).await {
        (packets, Completion::Failed { text, .. }) if packets.is_empty() => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_with_a_reason() {
    let closed = MailServerSettings { open: OpenRequests::Refused, ..settings() };
    let served = serve(closed, vec![stored(NEWS, 60, 1)]).await;
    let mut peer = RawPeer::greeted(&served.node).await;
    let refused = refusal(&mut peer, &open(1, &[]).encode()).await;
    assert!(refused.contains("unencrypted"), "{refused}");

    let stranger = SymmetricKey::from_bytes([1; 32]);
    let draft = Draft::new(Dialect::V6, Recipient::Symmetric(&stranger), NOW).payload(&[0; 8]);
    let wrong = draft.encrypt(&mut rand::rng()).unwrap().seal(0);
    assert_eq!(refusal(&mut peer, wrong.raw()).await, "failed to decrypt p2p request");

    let key = password();
    let draft = Draft::new(Dialect::V6, Recipient::Symmetric(&key), NOW).payload(&[0; 8]);
    let unsigned = draft.encrypt(&mut rand::rng()).unwrap().seal(0);
    assert!(refusal(&mut peer, unsigned.raw()).await.contains("not signed"));

    let short = refusal(&mut peer, seal(Dialect::V6, &[0; 7]).raw()).await;
    assert!(short.contains("7 bytes"), "{short}");
    let many = Query { topics: vec![NEWS; 4097], ..Query::default() };
    let many = seal(Dialect::V6, &many.encode(QueryForm::SevenFields));
    assert!(refusal(&mut peer, many.raw()).await.contains("4097 topics"));
    let reversed = Query { from: NOW, to: NOW - 1, ..Query::default() };
    let reversed = seal(Dialect::V6, &reversed.encode(QueryForm::SixFields));
    assert!(refusal(&mut peer, reversed.raw()).await.contains("lower > upper"));

    let query = Query { cursor: Bytes::from_static(&[1; 36]), ..Query::default() };
    let replaced = seal(Dialect::V6, &query.encode(QueryForm::SixFields));
    assert!(refusal(&mut peer, replaced.raw()).await.contains("replaced"));

    served.archive.set_failing(true);
    let good = seal(Dialect::V6, &Query::default().encode(QueryForm::SixFields));
    assert!(refusal(&mut peer, good.raw()).await.contains("archive"));
}

#[tokio::test]
async fn a_request_with_too_little_work_and_one_too_soon_are_refused() {
    let strict = MailServerSettings { min_work: amount(1e9), ..settings() };
    let served = serve(strict, Vec::new()).await;
    let mut peer = RawPeer::greeted(&served.node).await;
    let request = seal(Dialect::V6, &[0; 8]);
    assert!(refusal(&mut peer, request.raw()).await.starts_with("PoW too low"));

    let slow = MailServerSettings { interval: Duration::from_secs(3600), ..settings() };
    let served = serve(slow, Vec::new()).await;
    let mut peer = RawPeer::greeted(&served.node).await;
    peer.send(126, &open(1, &[]).encode()).await;
    assert_eq!(answer(&mut peer).await.1, done([0; 32], None));
    assert_eq!(refusal(&mut peer, &open(1, &[]).encode()).await, "rate limit exceeded");
}

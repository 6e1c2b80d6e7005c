//! Requests to mail servers of status-go, byte for byte.

use futures_util::future::join;
use whisper_envelope::Dialect;
use whisper_protocol::{
    MailAsk, MailSeal, Topic, Work,
    packet::{Completion, Query, Request},
};

use crate::{
    asking::{STATUS_GO, with_peer},
    mail_server::{NEWS, answer, password, seal, serve, settings, stored},
    support::{NOW, RawPeer},
};

/// The bytes of a request in the vectors.
fn golden(name: &str) -> Vec<u8> {
    let text = include_str!("../vectors/mail-requests.json");
    let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
    let mut requests = vectors["requests"].as_array().unwrap().iter();
    let request = requests.find(|request| request["name"] == name).unwrap();
    hex::decode(request["bytes"].as_str().unwrap()).unwrap()
}

/// A whole packet of an unencrypted request: a header of two bytes, the header of the id, and the id.
fn golden_open(name: &str, id: [u8; 32]) -> Vec<u8> {
    let mut packet = golden(name);
    assert_eq!(packet[3..35], [7; 32]);
    packet[3..35].copy_from_slice(&id);
    packet
}

/// `to`: the upper limit of the time; 0: none.
fn ask(seal: MailSeal, to: u32) -> MailAsk {
    let query = Query { from: NOW - 100_000, to, topics: vec![NEWS], limit: 2, ..Query::default() };
    MailAsk { min_work: Work::ZERO, ..MailAsk::new(query, seal) }
}

#[tokio::test(start_paused = true)]
async fn an_unencrypted_request_is_sent_with_a_bloom() {
    for (to, name) in [(NOW, "open"), (0, "open endless")] {
        let (node, mut peer) = with_peer(STATUS_GO).await;
        let id = peer.id;
        let server = async {
            let (code, packet) = peer.receive().await;
            let request = Request::decode(Dialect::V6, &packet).unwrap().id();
            let done = Completion::Done { request, last: None, cursor: None };
            peer.send(125, &done.encode()).await;
            assert_eq!((code, packet.to_vec()), (126, golden_open(name, request)));
        };
        let (answer, ()) = join(node.request_messages(id, ask(MailSeal::Open, to)), server).await;
        assert!(answer.is_ok(), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_encrypted_request_for_a_long_time_is_sent_as_a_list() {
    for (to, names) in
        [(NOW, ["six fields", "seven fields"]), (0, ["six fields endless", "seven fields endless"])]
    {
        let (node, mut peer) = with_peer(STATUS_GO).await;
        let id = peer.id;
        let server = async {
            for name in names {
                let (_, packet) = peer.receive().await;
                let request = Request::decode(Dialect::V6, &packet).unwrap();
                let Request::Sealed(envelope) = &request else { panic!("{request:?}") };
                let message = envelope.open_symmetric(&password()).unwrap().payload.to_vec();
                assert_eq!(message, golden(name), "{name}");
                // Each version refuses the list of the others.
                let text = "failed to decode data: too many".to_owned();
                let refused = Completion::Failed { request: request.id(), text };
                peer.send(125, &refused.encode()).await;
            }
        };
        let asking = node.request_messages(id, ask(MailSeal::Password(password()), to));
        let (answer, ()) = join(asking, server).await;
        assert!(answer.is_err(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_server_of_this_project_answers_the_same_requests() {
    let within = [stored(NEWS, 90_000, 1), stored(NEWS, 60, 2)];
    let other = [stored(Topic(*b"chat"), 50, 3), stored(NEWS, 200_000, 4)];
    let served = serve(settings(), [&within[..], &other].concat()).await;
    let mut peer = RawPeer::greeted(&served.node).await;
    let expected: Vec<_> = within.iter().map(|envelope| envelope.raw().clone()).collect();
    for name in ["open", "open endless"] {
        peer.send(126, &golden(name)).await;
        let (packets, end) = answer(&mut peer).await;
        // Several in one packet: a list.
        assert!(packets.len() == 1 && packets[0].ends_with(&expected.concat()), "{packets:?}");
        let last = Some(*within[1].hash());
        assert_eq!(end, Completion::Done { request: [7; 32], last, cursor: None }, "{name}");
    }
    for name in ["six fields", "seven fields", "six fields endless", "seven fields endless"] {
        let request = seal(Dialect::V6, &golden(name));
        peer.send(126, request.raw()).await;
        let (packets, end) = answer(&mut peer).await;
        assert_eq!(packets, expected, "{name}");
        let last = Some(*within[1].hash());
        assert_eq!(end, Completion::Done { request: *request.hash(), last, cursor: None });
    }
}

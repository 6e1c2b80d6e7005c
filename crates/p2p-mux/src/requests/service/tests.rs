use std::{pin::pin, time::Duration};

use bytes::Bytes;
use p2p_identity::SecretKey;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::*;
use crate::{RequestError, SendError};

type Lengths = Service<String, u64>;

/// Longer than anything takes that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

fn lengths() -> Lengths {
    Service::new("length", 1, |_peer, word: String| async move {
        if word.is_empty() { Err("an empty word") } else { Ok(word.len() as u64) }
    })
}

fn peer(number: u8) -> Peer {
    Peer::detached(SecretKey::from_bytes(&[number; 32]).unwrap().id())
}

type Running = JoinHandle<Result<(), Exit>>;

fn run(service: &Lengths, peer: &Peer, channel: Channel) -> Running {
    let (protocol, peer) = (service.protocol(), peer.clone());
    tokio::spawn(async move { protocol.run(peer, channel).await })
}

/// Two services that are connected, each to the other as peer 1.
async fn pair(here: &Lengths, there: &Lengths) -> ([ServicePeer<String, u64>; 2], [Running; 2]) {
    let (near, far) = Channel::pipe_of(1, LENGTH);
    let running = [run(here, &peer(1), near), run(there, &peer(1), far)];
    let id = peer(1).id();
    ([here.wait_for_peer(&id).await, there.wait_for_peer(&id).await], running)
}

#[tokio::test]
async fn both_ends_ask_and_answer() {
    let (here, there) = (lengths(), lengths());
    let (remotes, _running) = pair(&here, &there).await;
    for remote in &remotes {
        assert_eq!(remote.request(&"seven".to_owned()).await, Ok(5));
        let refused = ServiceError::Refused("an empty word".to_owned());
        assert_eq!(remote.request(&String::new()).await, Err(refused));
    }
}

#[tokio::test]
async fn a_number_of_peers_can_be_waited_for() {
    let here = lengths();
    let [(first, _far), (second, _farther)] = [(); 2].map(|()| Channel::pipe_of(1, LENGTH));
    let mut two = pin!(here.wait_for_peers(2));
    let _first = run(&here, &peer(1), first);
    here.wait_for_peer(&peer(1).id()).await;
    assert!(two.as_mut().now_or_never().is_none());
    let _second = run(&here, &peer(2), second);
    assert_eq!(two.await.len(), 2);
}

#[tokio::test]
async fn a_request_fails_when_the_connection_ends_and_the_peer_is_forgotten() {
    let silent: Lengths =
        Service::new("length", 1, |_, _| std::future::pending::<Result<u64, String>>());
    let here = lengths();
    let ([there, _], [running, other]) = pair(&here, &silent).await;
    let asking = tokio::spawn(async move { there.request(&"seven".to_owned()).await });
    while here.peers()[0].requests.open() == 0 {
        tokio::task::yield_now().await;
    }
    other.abort();
    assert_eq!(asking.await.unwrap(), Err(RequestError::Closed.into()));
    assert_eq!(running.await.unwrap(), Ok(()));
    assert!(here.peers().is_empty() && here.peer(&peer(1).id()).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_response_ends_in_time() {
    let silent: Lengths =
        Service::new("length", 1, |_, _| std::future::pending::<Result<u64, String>>());
    let ([_, there], _running) = pair(&silent, &lengths()).await;
    let asked = tokio::time::Instant::now();
    assert_eq!(there.request(&"seven".to_owned()).await, Err(RequestError::TimedOut.into()));
    assert_eq!(asked.elapsed(), ServiceLimits::default().timeout);
}

#[tokio::test]
async fn more_requests_at_once_than_the_limit_are_refused() {
    let limits = ServiceLimits { concurrent: 2, ..ServiceLimits::default() };
    let (release, held) = watch::channel(false);
    let slow = Service::with_limits("length", 1, limits, move |_, word: String| {
        let mut held = held.clone();
        async move {
            held.wait_for(|released| *released).await.map_err(|_| "no release")?;
            Ok::<_, &str>(word.len() as u64)
        }
    });
    let ([_, remote], _running) = pair(&slow, &lengths()).await;
    let ask = |word: &str| {
        let (remote, word) = (remote.clone(), word.to_owned());
        tokio::spawn(async move { remote.request(&word).await })
    };
    let waiting = [ask("one"), ask("seven")];
    while remote.requests.open() < 2 {
        tokio::task::yield_now().await;
    }
    let refused = timeout(PATIENCE, ask("two")).await.expect("an answer").unwrap();
    assert_eq!(refused, Err(ServiceError::Refused("too many requests at once".to_owned())));
    release.send_replace(true);
    let [one, seven] = waiting;
    assert_eq!((one.await.unwrap(), seven.await.unwrap()), (Ok(3), Ok(5)));
}

#[tokio::test]
async fn a_broadcast_reaches_every_peer_once() {
    let (heard, mut words) = mpsc::unbounded_channel();
    let here = lengths();
    let mut running = Vec::new();
    for number in 1..=3 {
        let heard = heard.clone();
        let there: Lengths = Service::new("length", 1, move |_, word| {
            let sent = heard.send((number, word)).map(|()| 0);
            std::future::ready(sent.map_err(|_| "the test has ended"))
        });
        let (near, far) = Channel::pipe_of(1, LENGTH);
        running.extend([run(&here, &peer(number), near), run(&there, &peer(9), far)]);
        here.wait_for_peer(&peer(number).id()).await;
    }
    assert_eq!(here.broadcast(&"news".to_owned()), 3);
    let mut reached = Vec::new();
    for _ in 0..3 {
        let (number, word) = timeout(PATIENCE, words.recv()).await.unwrap().unwrap();
        assert_eq!(word, "news");
        reached.push(number);
    }
    reached.sort_unstable();
    assert_eq!(reached, [1, 2, 3]);
    assert!(words.try_recv().is_err());
}

#[tokio::test]
async fn a_peer_that_breaks_the_protocol_ends_its_slot() {
    let good = wire::request(0, &"seven".to_owned());
    let unsolicited = wire::response(7, Ok(1_u64));
    for (code, payload, exit) in [
        (wire::REQUEST, Bytes::from_static(&[0xc1, 0x01]), None),
        (9, good, Some(Exit::UnexpectedCode(9))),
        (unsolicited.0, unsolicited.1, Some(Exit::UnexpectedCode(1))),
    ] {
        let (near, far) = Channel::pipe();
        let running = run(&lengths(), &peer(1), near);
        far.send_raw(code, payload).await.unwrap();
        let ended = timeout(PATIENCE, running).await.expect("an end").unwrap().unwrap_err();
        match exit {
            Some(exit) => assert_eq!(ended, exit),
            None => assert!(matches!(ended, Exit::Decode(_)), "{ended}"),
        }
    }
}

#[tokio::test]
async fn a_new_connection_of_a_peer_replaces_the_old_one() {
    let (here, there) = (lengths(), lengths());
    let ([_, _], [old, _]) = pair(&here, &there).await;
    let (near, far) = Channel::pipe_of(1, LENGTH);
    let _running = [run(&here, &peer(1), near), run(&there, &peer(2), far)];
    there.wait_for_peer(&peer(2).id()).await;
    while here.0.lock().next < 2 {
        tokio::task::yield_now().await;
    }
    old.abort();
    assert!(old.await.unwrap_err().is_cancelled());
    assert_eq!(here.wait_for_peer(&peer(1).id()).await.request(&"seven".to_owned()).await, Ok(5));
}

#[tokio::test]
async fn a_response_that_is_too_large_is_a_failure() {
    let (code, payload) = wire::response(0, Ok("x".repeat(crate::MAX_MESSAGE)));
    let message = crate::Message { code, payload };
    let frame = wire::decode_frame::<String, String>(&message);
    assert_eq!(frame, Ok(Frame::Response(0, Err("the response is too large".to_owned()))));
}

#[tokio::test]
async fn a_request_that_is_too_large_is_an_error_of_the_caller() {
    let ([there, _], _running) = pair(&lengths(), &lengths()).await;
    let asked = there.request(&"x".repeat(crate::MAX_MESSAGE)).await;
    assert!(
        matches!(asked, Err(ServiceError::Request(RequestError::Send(SendError::TooLarge { .. })))),
        "{asked:?}"
    );
}

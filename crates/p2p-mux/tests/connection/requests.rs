//! Typed messages, and requests with their responses, between two ends of a pipe.

use std::time::Duration;

use crate::support::{self, SECOND, connect};
use bytes::Bytes;
use p2p_mux::{
    Channel, DecodeError, Exit, Protocol, RequestError, Requests, ResponseMatch, Responses,
    SendError, TypedChannel, TypedMessage, TypedSender, requests, rlp,
};
use tokio::{sync::mpsc, time::Instant};

const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, PartialEq)]
enum Sum {
    Request { id: u64, number: u64 },
    Response { id: u64, sum: u64 },
}

impl TypedMessage for Sum {
    const LENGTH: u64 = 2;

    fn encode(&self) -> (u64, Bytes) {
        match self {
            Self::Request { id, number } => (0, rlp::encode(&vec![*id, *number]).into()),
            Self::Response { id, sum } => (1, rlp::encode(&vec![*id, *sum]).into()),
        }
    }

    fn decode(code: u64, payload: &[u8]) -> Result<Self, DecodeError> {
        if code >= Self::LENGTH {
            return Err(DecodeError::UnknownCode(code));
        }
        let pair = |list: &mut rlp::List<'_>| Ok((list.uint()?, list.uint()?));
        let (id, number) = rlp::decode_list::<_, rlp::Error>(payload, pair)?;
        Ok(if code == 0 {
            Self::Request { id, number }
        } else {
            Self::Response { id, sum: number }
        })
    }
}

/// One end sends requests; the test controls the other end.
fn requester(limit: usize) -> (Requests<u64>, TypedSender<Sum>, TypedChannel<Sum>) {
    let (here, there) = Channel::pipe();
    let (requests, responses) = requests(limit);
    let (sender, mut receiver) = TypedChannel::<Sum>::new(here).split();
    tokio::spawn(async move {
        while let Ok(Some(Sum::Response { id, sum })) = receiver.recv().await {
            responses.handle(id, sum);
        }
    });
    (requests, sender, TypedChannel::new(there))
}

/// Requests the sum of a number and one.
async fn request(
    requests: &Requests<u64>,
    sender: &TypedSender<Sum>,
    number: u64,
) -> Result<u64, RequestError> {
    let send = |id| async move { sender.send(&Sum::Request { id, number }).await };
    requests.request(LIMIT, send).await
}

async fn next_request(there: &mut TypedChannel<Sum>) -> (u64, u64) {
    match there.recv().await {
        Ok(Some(Sum::Request { id, number })) => (id, number),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn responses_in_another_order_match_their_requests() {
    let (requests, sender, mut there) = requester(3);
    let respond = async {
        let mut received = Vec::new();
        for _ in 0..3 {
            received.push(next_request(&mut there).await);
        }
        for (id, number) in received.into_iter().rev() {
            there.send(&Sum::Response { id, sum: number + 1 }).await.unwrap();
        }
    };
    let (a, b, c, ()) = tokio::join!(
        request(&requests, &sender, 10),
        request(&requests, &sender, 20),
        request(&requests, &sender, 30),
        respond,
    );
    assert_eq!((a, b, c), (Ok(11), Ok(21), Ok(31)));
    assert_eq!(requests.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_times_out_and_its_late_response_matches_no_other() {
    let (requests, sender, mut there) = requester(1);
    let started = Instant::now();
    assert_eq!(request(&requests, &sender, 1).await, Err(RequestError::TimedOut));
    assert_eq!((started.elapsed(), requests.open()), (LIMIT, 0));
    let (late, _) = next_request(&mut there).await;
    there.send(&Sum::Response { id: late, sum: 99 }).await.unwrap();
    let respond = async {
        let (id, _) = next_request(&mut there).await;
        there.send(&Sum::Response { id, sum: 3 }).await.unwrap();
    };
    assert_eq!(tokio::join!(request(&requests, &sender, 2), respond), (Ok(3), ()));
}

#[tokio::test(start_paused = true)]
async fn open_requests_are_limited_and_a_dropped_one_makes_room_at_once() {
    let (requests, sender, mut there) = requester(2);
    let spawn = |number| {
        let (requests, sender) = (requests.clone(), sender.clone());
        tokio::spawn(async move { request(&requests, &sender, number).await })
    };
    let [first, _second, third] = [1, 2, 3].map(spawn);
    assert_eq!((next_request(&mut there).await.1, next_request(&mut there).await.1), (1, 2));
    tokio::time::sleep(SECOND).await;
    assert_eq!(requests.open(), 2, "the third was not sent");
    let started = Instant::now();
    first.abort();
    let (id, number) = next_request(&mut there).await;
    assert_eq!((number, started.elapsed()), (3, Duration::ZERO));
    there.send(&Sum::Response { id, sum: 4 }).await.unwrap();
    assert_eq!(third.await.unwrap(), Ok(4));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_channel_fails_every_request() {
    let (requests, sender, mut there) = requester(1);
    let both =
        async { tokio::join!(request(&requests, &sender, 1), request(&requests, &sender, 2)) };
    let end = async {
        next_request(&mut there).await;
        drop(there);
    };
    let started = Instant::now();
    let (failed, ()) = tokio::join!(both, end);
    assert_eq!(failed, (Err(RequestError::Closed), Err(RequestError::Closed)));
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(request(&requests, &sender, 3).await, Err(RequestError::Closed));
}

#[tokio::test(start_paused = true)]
async fn an_unsolicited_response_is_not_a_late_one() {
    let (requests, responses): (Requests<u64>, Responses<u64>) = requests(1);
    assert_eq!(responses.handle(0, 1), ResponseMatch::Unsolicited);
    let failing = requests.request(LIMIT, |_| async { Err(SendError::Full) }).await;
    assert_eq!(failing, Err(RequestError::Send(SendError::Full)));
    assert_eq!(responses.handle(0, 1), ResponseMatch::Late);
    assert_eq!(responses.handle(1, 1), ResponseMatch::Unsolicited);
}

#[tokio::test(start_paused = true)]
async fn a_typed_sub_protocol_runs_on_a_connection_and_ends_at_a_malformed_message() {
    let (ended, mut end) = mpsc::channel(1);
    let typed = Protocol::typed("sum", 1, move |_, mut channel: TypedChannel<Sum>| {
        let ended = ended.clone();
        async move {
            loop {
                match channel.recv().await {
                    Ok(Some(Sum::Request { id, number })) => {
                        channel.send(&Sum::Response { id, sum: number + 1 }).await?;
                    }
                    Ok(_) => return Ok(()),
                    Err(error) => {
                        ended.send(Exit::from(error)).await?;
                        return Err(error.into());
                    }
                }
            }
        }
    });
    assert_eq!(typed.length(), 2);
    let (raw, mut given) = support::handed_out("sum");
    let (_here, _there) = connect(&[typed], &[raw]).await;
    let mut held = given.recv().await.unwrap();
    let raw = &mut held.channel;
    let (code, payload) = Sum::Request { id: 7, number: 1 }.encode();
    raw.send_raw(code, payload).await.unwrap();
    let response = raw.recv().await.unwrap();
    assert_eq!(Sum::decode(response.code, &response.payload), Ok(Sum::Response { id: 7, sum: 2 }));
    raw.send_raw(1, vec![0xff]).await.unwrap();
    assert!(matches!(end.recv().await, Some(Exit::Decode(_))));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_code_is_an_error_and_the_channel_can_still_be_used() {
    let (here, there) = Channel::pipe();
    let mut here = TypedChannel::<Sum>::new(here);
    let (_, payload) = Sum::Request { id: 0, number: 0 }.encode();
    there.send_raw(2, payload).await.unwrap();
    there.send(1, &vec![1u64, 2]).await.unwrap();
    assert_eq!(here.recv().await, Err(DecodeError::UnknownCode(2)));
    assert_eq!(here.recv().await, Ok(Some(Sum::Response { id: 1, sum: 2 })));
    drop(there);
    assert_eq!(here.recv().await, Ok(None));
}

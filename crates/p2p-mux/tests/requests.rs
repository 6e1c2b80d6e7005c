//! TypedChannel messages, and questions with answers, between two ends of a pipe on a stopped clock.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{SECOND, connect};
use p2p_mux::{
    Channel, DecodeError, Exit, Protocol, RequestError, Requests, ResponseMatch, Responses,
    SendError, TypedChannel, TypedMessage, TypedSender, requests, rlp,
};
use tokio::{sync::mpsc, time::Instant};

const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, PartialEq)]
enum Sum {
    Ask { id: u64, number: u64 },
    Answer { id: u64, sum: u64 },
}

impl TypedMessage for Sum {
    const LENGTH: u64 = 2;

    fn encode(&self) -> (u64, Bytes) {
        match self {
            Self::Ask { id, number } => (0, rlp::encode(&vec![*id, *number]).into()),
            Self::Answer { id, sum } => (1, rlp::encode(&vec![*id, *sum]).into()),
        }
    }

    fn decode(code: u64, payload: &[u8]) -> Result<Self, DecodeError> {
        if code >= Self::LENGTH {
            return Err(DecodeError::UnknownCode(code));
        }
        let pair = |list: &mut rlp::List<'_>| Ok((list.uint()?, list.uint()?));
        let (id, number) = rlp::decode_list::<_, rlp::Error>(payload, pair)?;
        Ok(if code == 0 { Self::Ask { id, number } } else { Self::Answer { id, sum: number } })
    }
}

/// One end asks; the other is in the hands of the test.
fn asking(limit: usize) -> (Requests<u64>, TypedSender<Sum>, TypedChannel<Sum>) {
    let (here, there) = Channel::pipe();
    let (requests, answers) = requests(limit);
    let (sender, mut receiver) = TypedChannel::<Sum>::new(here).split();
    tokio::spawn(async move {
        while let Ok(Some(Sum::Answer { id, sum })) = receiver.recv().await {
            answers.handle(id, sum);
        }
    });
    (requests, sender, TypedChannel::new(there))
}

/// Asks for the sum of a number and one.
async fn ask(
    requests: &Requests<u64>,
    sender: &TypedSender<Sum>,
    number: u64,
) -> Result<u64, RequestError> {
    let send = |id| async move { sender.send(&Sum::Ask { id, number }).await };
    requests.request(LIMIT, send).await
}

async fn asked(there: &mut TypedChannel<Sum>) -> (u64, u64) {
    match there.recv().await {
        Ok(Some(Sum::Ask { id, number })) => (id, number),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn answers_in_another_order_find_who_asked() {
    let (requests, sender, mut there) = asking(3);
    let answer = async {
        let mut questions = Vec::new();
        for _ in 0..3 {
            questions.push(asked(&mut there).await);
        }
        for (id, number) in questions.into_iter().rev() {
            there.send(&Sum::Answer { id, sum: number + 1 }).await.unwrap();
        }
    };
    let (a, b, c, ()) = tokio::join!(
        ask(&requests, &sender, 10),
        ask(&requests, &sender, 20),
        ask(&requests, &sender, 30),
        answer,
    );
    assert_eq!((a, b, c), (Ok(11), Ok(21), Ok(31)));
    assert_eq!(requests.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_question_without_an_answer_times_out_and_a_late_answer_is_nobodys() {
    let (requests, sender, mut there) = asking(1);
    let started = Instant::now();
    assert_eq!(ask(&requests, &sender, 1).await, Err(RequestError::TimedOut));
    assert_eq!((started.elapsed(), requests.open()), (LIMIT, 0));
    let (late, _) = asked(&mut there).await;
    there.send(&Sum::Answer { id: late, sum: 99 }).await.unwrap();
    let answer = async {
        let (id, _) = asked(&mut there).await;
        there.send(&Sum::Answer { id, sum: 3 }).await.unwrap();
    };
    assert_eq!(tokio::join!(ask(&requests, &sender, 2), answer), (Ok(3), ()));
}

#[tokio::test(start_paused = true)]
async fn at_most_so_many_are_open_and_one_that_is_dropped_makes_room_at_once() {
    let (requests, sender, mut there) = asking(2);
    let spawn = |number| {
        let (requests, sender) = (requests.clone(), sender.clone());
        tokio::spawn(async move { ask(&requests, &sender, number).await })
    };
    let [first, _second, third] = [1, 2, 3].map(spawn);
    assert_eq!((asked(&mut there).await.1, asked(&mut there).await.1), (1, 2));
    tokio::time::sleep(SECOND).await;
    assert_eq!(requests.open(), 2, "the third was not sent");
    let started = Instant::now();
    first.abort();
    let (id, number) = asked(&mut there).await;
    assert_eq!((number, started.elapsed()), (3, Duration::ZERO));
    there.send(&Sum::Answer { id, sum: 4 }).await.unwrap();
    assert_eq!(third.await.unwrap(), Ok(4));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_channel_is_the_end_of_every_question() {
    let (requests, sender, mut there) = asking(1);
    let both = async { tokio::join!(ask(&requests, &sender, 1), ask(&requests, &sender, 2)) };
    let end = async {
        asked(&mut there).await;
        drop(there);
    };
    let started = Instant::now();
    let (failed, ()) = tokio::join!(both, end);
    assert_eq!(failed, (Err(RequestError::Closed), Err(RequestError::Closed)));
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert_eq!(ask(&requests, &sender, 3).await, Err(RequestError::Closed));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_never_asked_for_is_told_from_a_late_one() {
    let (requests, answers): (Requests<u64>, Responses<u64>) = requests(1);
    assert_eq!(answers.handle(0, 1), ResponseMatch::Unsolicited);
    let failing = requests.request(LIMIT, |_| async { Err(SendError::Full) }).await;
    assert_eq!(failing, Err(RequestError::Send(SendError::Full)));
    assert_eq!(answers.handle(0, 1), ResponseMatch::Late);
    assert_eq!(answers.handle(1, 1), ResponseMatch::Unsolicited);
}

#[tokio::test(start_paused = true)]
async fn a_typed_sub_protocol_runs_on_a_connection_and_what_cannot_be_read_ends_it() {
    let (ended, mut end) = mpsc::channel(1);
    let typed = Protocol::typed("sum", 1, move |_, mut channel: TypedChannel<Sum>| {
        let ended = ended.clone();
        async move {
            loop {
                match channel.recv().await {
                    Ok(Some(Sum::Ask { id, number })) => {
                        channel.send(&Sum::Answer { id, sum: number + 1 }).await?;
                    }
                    Ok(_) => return Ok(()),
                    Err(unreadable) => {
                        ended.send(Exit::from(unreadable)).await?;
                        return Err(unreadable.into());
                    }
                }
            }
        }
    });
    assert_eq!(typed.length(), 2);
    let (raw, mut given) = common::handed_out("sum");
    let (_here, _there) = connect(&[typed], &[raw]).await;
    let mut held = given.recv().await.unwrap();
    let raw = &mut held.channel;
    let (code, payload) = Sum::Ask { id: 7, number: 1 }.encode();
    raw.send_raw(code, payload).await.unwrap();
    let answer = raw.recv().await.unwrap();
    assert_eq!(Sum::decode(answer.code, &answer.payload), Ok(Sum::Answer { id: 7, sum: 2 }));
    raw.send_raw(1, vec![0xff]).await.unwrap();
    assert!(matches!(end.recv().await, Some(Exit::Decode(_))));
}

#[tokio::test(start_paused = true)]
async fn a_code_without_a_meaning_is_an_error_and_the_channel_goes_on() {
    let (here, there) = Channel::pipe();
    let mut here = TypedChannel::<Sum>::new(here);
    let (_, payload) = Sum::Ask { id: 0, number: 0 }.encode();
    there.send_raw(2, payload).await.unwrap();
    there.send(1, &vec![1u64, 2]).await.unwrap();
    assert_eq!(here.recv().await, Err(DecodeError::UnknownCode(2)));
    assert_eq!(here.recv().await, Ok(Some(Sum::Answer { id: 1, sum: 2 })));
    drop(there);
    assert_eq!(here.recv().await, Ok(None));
}

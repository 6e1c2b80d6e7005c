//! Memory that a sub-protocol has taken and not returned.

use p2p_mux::{Config, MemoryBudget, MemoryCharge};

use crate::support::{
    SECOND, connect_raw_within, connect_within, handed_out, hello_of, idle, noise,
};

#[tokio::test(start_paused = true)]
async fn a_message_that_was_taken_counts_until_it_is_finished() {
    let memory = MemoryBudget::new(100 << 20);
    let (here, mut given) = handed_out("a");
    let here = here.inbound(8 << 20, 10);
    let hello = hello_of(std::slice::from_ref(&here));
    let (_here, mut raw) = connect_raw_within(&memory, &[here], &hello, Config::default()).await;
    let mut held = given.recv().await.unwrap();
    let payload = noise(1 << 20);
    let used = || memory.stats().used >> 20;
    for sent in 1..=3 {
        raw.write(16, &payload).await.unwrap();
        raw.flush().await.unwrap();
        if sent == 1 {
            held.channel.recv().await.unwrap();
        }
    }
    // Until the timer of the pings has fired, which also frees the buffers.
    tokio::time::sleep(16 * SECOND).await;
    assert_eq!(used(), 3, "one is being worked on, two are queued");
    held.channel.recv().await.unwrap();
    raw.write(16, &payload).await.unwrap();
    raw.flush().await.unwrap();
    tokio::time::sleep(18 * SECOND).await;
    assert_eq!(used(), 3, "the first is finished");
    drop(held);
    tokio::time::sleep(SECOND).await;
    assert_eq!(used(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_sub_protocol_keeps_can_be_counted() {
    let memory = MemoryBudget::new(100 << 20);
    let (here, mut given) = handed_out("a");
    let (_here, _there) = connect_within(&memory, &[here], &[idle("a", 1)]).await;
    let held = given.recv().await.unwrap();
    let before = memory.stats().used;
    let more = || (memory.stats().used - before) >> 20;
    let mut charge = held.channel.memory_charge();
    charge.set(5 << 20);
    assert_eq!((more(), charge.bytes()), (5, 5 << 20));
    charge.set(3 << 20);
    assert_eq!(more(), 3);
    drop(charge);
    assert_eq!(more(), 0);
    let mut uncounted = MemoryCharge::default();
    uncounted.set(5);
    assert_eq!(more(), 0);
}

//! Sub-protocols that fail: each is told by an event with its reason, and counted.

use std::{error::Error, fmt};

use p2p_server::{
    Event,
    mux::{Protocol, ProtocolEnd, SlotEndReason},
};

use crate::support::{config, id, start, until};

#[derive(Debug)]
struct FullDisk;

impl fmt::Display for FullDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the disk is full")
    }
}

impl Error for FullDisk {}

fn store() -> Result<(), FullDisk> {
    Err(FullDisk)
}

/// Sub-protocols, with a fault at one end.
fn protocols(faulty: bool) -> [Protocol; 3] {
    let own_error = Protocol::new("own", 1, 1, move |_, mut channel| async move {
        if faulty {
            store()?;
        }
        while channel.recv().await.is_some() {}
        Ok(())
    });
    let panics = Protocol::new("panic", 1, 1, move |_, mut channel| async move {
        assert!(!faulty, "on purpose, in a test");
        while channel.recv().await.is_some() {}
        Ok(())
    });
    let no_code = Protocol::new("code", 1, 2, move |_, mut channel| async move {
        if faulty {
            channel.send(2, &7u64).await?;
        }
        while channel.recv().await.is_some() {}
        Ok(())
    });
    [own_error, panics, no_code]
}

#[tokio::test]
async fn a_failed_sub_protocol_is_told_with_its_reason() {
    let server = start(config(1).protocols(protocols(true))).await;
    let other = start(config(2).protocols(protocols(false))).await;
    let mut events = server.events();
    other.add_peer(server.enode());
    let mut ends = Vec::new();
    while ends.len() < 3 {
        let end = |event: &Event| match event {
            Event::ProtocolFailed(end) => Some(end.clone()),
            _ => None,
        };
        ends.push(until(&mut events, end).await);
    }
    ends.sort_by(|a, b| a.capability.cmp(&b.capability));
    let told = |end: &ProtocolEnd| (end.capability.to_string(), end.reason);
    assert!(ends.iter().all(|end| end.peer == id(2)));
    assert_eq!(
        ends.iter().map(told).collect::<Vec<_>>(),
        [
            ("code/1".to_owned(), SlotEndReason::Failed),
            ("own/1".to_owned(), SlotEndReason::Failed),
            ("panic/1".to_owned(), SlotEndReason::Panicked),
        ]
    );
    assert_eq!(ends[0].error, "cannot send a message: code 2 of a sub-protocol with 2 codes");
    assert_eq!(ends[1].error, "the sub-protocol failed: the disk is full");
    assert!(ends[2].error.contains("on purpose, in a test"), "{}", ends[2].error);
    let peer = server.peer(&id(2)).expect("the connection continues");
    let exits = peer.stats().slots.iter().fold([0, 0], |[failed, panicked], slot| {
        [failed + slot.exits.failed, panicked + slot.exits.panicked]
    });
    assert_eq!(exits, [2, 1]);
    server.stop().await;
    other.stop().await;
}

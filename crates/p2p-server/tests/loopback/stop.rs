//! Stopping, also with peers that do not read and tasks that do not return.

use p2p_server::mux::{CloseReason, DisconnectReason, Protocol};
use tokio::{runtime::Handle, sync::mpsc};

use crate::support::{added, config, dial, dropped, id, key, pair, soon, start};

/// A sub-protocol that sends without end.
fn flood(sent: mpsc::Sender<()>) -> Protocol {
    Protocol::new("quiet", 1, 2, move |_peer, channel| {
        let sent = sent.clone();
        async move {
            loop {
                channel.send_raw(0, vec![0; 1 << 20]).await?;
                let _ = sent.try_send(());
            }
        }
    })
}

#[tokio::test]
async fn a_peer_that_never_reads_does_not_delay_the_stop() {
    let (sent, mut sending) = mpsc::channel(1);
    let mut flooding = config(1);
    flooding.protocols = vec![flood(sent)];
    let a = start(flooding).await;
    let mut events = a.events();
    let client = dial(&key(9), &a.enode()).await.unwrap();
    added(&mut events, id(9)).await;
    soon(sending.recv()).await;
    soon(a.stop()).await;
    dropped(&mut events, id(9)).await;
    assert!(events.next().await.is_none(), "the events end with the server");
    drop(client);
}

#[tokio::test]
async fn a_sub_protocol_that_never_returns_does_not_delay_the_stop() {
    let deaf = Protocol::new("deaf", 1, 1, |_peer, _channel| std::future::pending());
    let mut configs = [config(1), config(2)];
    for config in &mut configs {
        config.protocols = vec![deaf.clone()];
    }
    let [a, b] = configs;
    let (a, b) = pair(a, b).await;
    soon(a.stop()).await;
    soon(b.stop()).await;
    assert_eq!((a.peer_count(), b.peer_count()), (0, 0));
}

#[tokio::test]
async fn stopping_again_or_concurrently_changes_nothing() {
    let (a, b) = pair(config(1), config(2)).await;
    let other = a.clone();
    soon(async { tokio::join!(a.stop(), other.stop(), a.stop()) }).await;
    soon(a.stop()).await;
    assert_eq!(a.peer_count(), 0);
    assert!(a.events().next().await.is_none());
    a.add_peer(b.enode());
    assert!(!a.remove_peer(&id(9)));
}

#[tokio::test]
async fn dropping_the_last_handle_stops_the_server() {
    let (a, b) = pair(config(1), config(2)).await;
    let mut events = b.events();
    let other = a.clone();
    drop(a);
    assert_eq!(other.peer_count(), 1, "one handle is left");
    drop(other);
    assert!(matches!(
        dropped(&mut events, id(1)).await,
        CloseReason::ByPeer(DisconnectReason::Quitting)
    ));
}

#[tokio::test]
async fn starting_and_stopping_leaves_no_task() {
    let before = Handle::current().metrics().num_alive_tasks();
    for _ in 0..15 {
        let (a, b) = pair(config(1), config(2)).await;
        soon(a.stop()).await;
        soon(b.stop()).await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), before);
    }
}

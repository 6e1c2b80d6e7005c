//! Nodes on loopback.

use std::pin::Pin;

use futures_util::StreamExt as _;
use p2p_identity::{Content, NodeId};

use super::*;

fn key(n: u8) -> SecretKey {
    SecretKey::from_bytes(&[n; 32]).unwrap()
}

async fn start(n: u8, network: Option<NetworkId>) -> Discv5 {
    let record = Record::sign(&key(n), 1, &Content::new().tcp(30_000 + u16::from(n))).unwrap();
    Discv5::start(network, &key(n), &record, "127.0.0.1:0".parse().unwrap()).await.unwrap()
}

type Records = Pin<Box<dyn Stream<Item = Record> + Send>>;

/// Waits for the record of this node.
async fn until(candidates: &mut Records, id: NodeId) -> Record {
    let found = async {
        loop {
            let record = candidates.next().await.expect("discv5 has stopped");
            if record.id() == id {
                return record;
            }
        }
    };
    time::timeout(Duration::from_secs(60), found).await.expect("timeout")
}

#[tokio::test]
async fn nodes_find_each_other_through_a_common_boot_node() {
    let (boot, a, b) = (start(1, None).await, start(2, None).await, start(3, None).await);
    let record = boot.record().unwrap();
    assert_eq!(record.udp(), Some(boot.local_addr().port()));
    a.add_boot_node(&record).unwrap();
    b.add_boot_node(&record).unwrap();
    let (mut of_a, mut of_b): (Records, Records) =
        (Box::pin(a.candidates()), Box::pin(b.candidates()));
    let (b_found, a_found) =
        tokio::join!(until(&mut of_a, key(3).id()), until(&mut of_b, key(2).id()));
    assert_eq!((a_found.tcp(), a_found.udp()), (Some(30_002), Some(a.local_addr().port())));
    assert_eq!((b_found.tcp(), b_found.udp()), (Some(30_003), Some(b.local_addr().port())));
    b.stop();
    assert_eq!(b.lookup_random().await, None);
}

#[tokio::test]
async fn nodes_of_other_networks_are_not_given_out() {
    let ours = Some(NetworkId(7));
    let (boot, theirs, node) =
        (start(1, ours).await, start(2, Some(NetworkId(8))).await, start(3, ours).await);
    node.add_boot_node(&boot.record().unwrap()).unwrap();
    node.add_boot_node(&theirs.record().unwrap()).unwrap();
    let mut candidates: Records = Box::pin(node.candidates());
    assert_eq!(until(&mut candidates, key(1).id()).await.get::<u64>("net"), Some(7));
    let found = node.lookup_random().await.unwrap();
    assert!(found.iter().all(|record| record.id() != key(2).id()));
}

#[tokio::test]
async fn unusable_nodes_addresses_and_keys_are_errors() {
    let node = start(1, None).await;
    let record = Record::sign(&key(2), 1, &Content::new()).unwrap();
    assert!(matches!(node.add_boot_node(&record), Err(Discv5Error::NotAccepted(_))), "no address");
    let taken = Discv5::start(None, &key(2), &record, node.local_addr()).await;
    assert!(matches!(taken, Err(Discv5Error::Bind { .. })));
    let foreign = Discv5::start(None, &key(3), &record, "127.0.0.1:0".parse().unwrap()).await;
    assert!(matches!(foreign, Err(Discv5Error::Record(RecordError::ForeignKey))));
}

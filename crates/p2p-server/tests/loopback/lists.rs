//! Nodes from a list in the DNS are dialed.

use std::{collections::HashMap, net::SocketAddr};

use p2p_server::{
    DiscoverySettings,
    identity::{Content, Record},
    p2p_discovery::{
        NetworkId,
        dns::{Servers, Tree},
    },
};
use tokio::net::UdpSocket;

use crate::support::{added, config, id, key, soon, start};

/// Answers every question with the text under that name, or with "no such name". A minimal DNS server
/// (RFC 1035, 4.1): one question, one TXT record, and only the name of the answer is compressed.
async fn serve(texts: HashMap<String, String>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut query = [0; 1024];
        while let Ok((_, from)) = socket.recv_from(&mut query).await {
            socket.send_to(&answer(&query, &texts), from).await.unwrap();
        }
    });
    addr
}

fn answer(query: &[u8], texts: &HashMap<String, String>) -> Vec<u8> {
    let (mut name, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let label = &query[at + 1..=at + usize::from(query[at])];
        name.push(String::from_utf8_lossy(label).to_lowercase());
        at += 1 + label.len();
    }
    let question = &query[12..at + 5];
    let text = texts.get(&name.join("."));
    // Response, recursion desired and available; 3 is "no such name".
    let flags = if text.is_some() { [0x81, 0x80] } else { [0x81, 0x83] };
    let count = u8::from(text.is_some());
    let mut answer = [&query[..2], &flags, &[0, 1, 0, count, 0, 0, 0, 0], question].concat();
    if let Some(text) = text {
        let strings: Vec<u8> = text
            .as_bytes()
            .chunks(255)
            .flat_map(|part| [&[u8::try_from(part.len()).unwrap()], part].concat())
            .collect();
        let len = u16::try_from(strings.len()).unwrap().to_be_bytes();
        // The name of the question, TXT, IN, 60 s.
        answer.extend([&[0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60][..], &len, &strings].concat());
    }
    answer
}

#[tokio::test]
async fn nodes_of_a_list_are_dialed_if_they_are_in_the_same_network() {
    let other = start(config(2)).await;
    let foreign = start(config(3)).await;
    let record = |n: u8, server: &p2p_server::Server, network: u64| {
        let content = Content::of(&server.enode()).set("net", &NetworkId(network));
        Record::sign(&key(n), 1, &content).unwrap()
    };
    let tree = Tree::sign(&key(9), 1, [record(2, &other, 7), record(3, &foreign, 8)], []);
    let link = tree.link("nodes.example.org").unwrap();
    let name =
        |label: Option<_>| label.map_or(link.domain().to_owned(), |label| link.name_of(&label));
    let texts = tree.texts().map(|(label, text)| (name(label).to_lowercase(), text)).collect();
    let mut discovery = DiscoverySettings::new().v4(false).network(NetworkId(7)).list(link.clone());
    discovery.servers = Servers::At(vec![serve(texts).await]);

    let mut events = other.events();
    let node = start(config(1).discovery(discovery)).await;
    added(&mut events, id(1)).await;
    assert_eq!(node.stats().found.taken, 1);
    assert_eq!(foreign.peer_count(), 0);
    soon(node.stop()).await;
}

//! Lists read over real sockets, from a DNS server on loopback.
#![cfg(feature = "dns")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    time::Duration,
};

use hickory_resolver::proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{RData, Record as Answer, RecordType, rdata::TXT},
};
use p2p_discovery::dns::{Link, ListClientConfig, Lists, QueryError, Servers, Tree};
use p2p_identity::{Content, NodeId, Record, SecretKey};
use tokio::net::UdpSocket;

fn key(n: u8) -> SecretKey {
    SecretKey::from_bytes(&[n; 32]).unwrap()
}

/// Records that do not fit one string of a TXT record.
fn records(range: std::ops::Range<u8>) -> Vec<Record> {
    let filler = [0x55; 140];
    let content = Content::new().ip([10, 0, 0, 7].into()).tcp(30303).set("zz", filler.as_slice());
    range.map(|n| Record::sign(&key(n), 1, &content).unwrap()).collect()
}

/// Texts of TXT records by name, in lower case with a dot at the end.
type Zone = HashMap<String, String>;

fn publish(zone: &mut Zone, tree: &Tree, domain: &str) -> Link {
    let link = tree.link(domain).unwrap();
    for (label, text) in tree.texts() {
        let name = label.map_or(domain.to_owned(), |label| link.name_of(&label));
        zone.insert(format!("{}.", name.to_lowercase()), text);
    }
    link
}

/// Serves the zone for the rest of the test.
async fn serve(zone: Zone) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut datagram = [0; 4096];
        while let Ok((len, from)) = socket.recv_from(&mut datagram).await {
            let answer = answer(&zone, &Message::from_vec(&datagram[..len]).unwrap());
            socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
        }
    });
    addr
}

fn answer(zone: &Zone, question: &Message) -> Message {
    let query = question.queries[0].clone();
    let mut answer = question.clone();
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.recursion_available = true;
    match zone.get(&query.name().to_string().to_lowercase()) {
        Some(text) if query.query_type() == RecordType::TXT => {
            let strings =
                text.as_bytes().chunks(255).map(|part| String::from_utf8_lossy(part).into());
            let data = RData::TXT(TXT::new(strings.collect()));
            answer.answers.push(Answer::from_rdata(query.name().clone(), 60, data));
        }
        _ => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("timeout")
}

fn ids(records: &[Record]) -> BTreeSet<NodeId> {
    records.iter().map(Record::id).collect()
}

fn quick() -> ListClientConfig {
    ListClientConfig { query_interval: Duration::from_micros(1), ..ListClientConfig::default() }
}

#[tokio::test]
async fn two_linked_lists_are_read_from_a_server() {
    let (here, there) = (records(10..40), records(40..45));
    let mut zone = Zone::new();
    let second = publish(&mut zone, &Tree::sign(&key(2), 1, there.clone(), []), "b.example.org");
    let tree = Tree::sign(&key(1), 1, here.clone(), [second]);
    let link = publish(&mut zone, &tree, "a.example.org");
    let server = serve(zone).await;

    let mut lists = Lists::start(quick(), &Servers::At(vec![server]), [link]).unwrap();
    let mut found = BTreeSet::new();
    while found.len() < 35 {
        found.insert(soon(lists.next()).await.unwrap().id());
    }
    assert_eq!(found, ids(&[here, there].concat()));
    soon(async {
        while !lists.progress().is_done() {
            lists.changed().await;
        }
    })
    .await;
    assert_eq!((lists.stats().missing, lists.stats().unanswered), (0, 0));
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_a_missing_root() {
    let server = serve(Zone::new()).await;
    let link = Link::new(key(1).public_key(), "a.example.org").unwrap();
    let mut lists = Lists::start(quick(), &Servers::At(vec![server]), [link]).unwrap();
    soon(async {
        while lists.stats().missing_roots == 0 {
            lists.changed().await;
        }
    })
    .await;
    assert_eq!((lists.progress().paused, lists.stats().unanswered), (1, 0));
    assert_eq!((lists.stats().bad_roots, lists.last_error()), (0, None));
}

/// An operator is told which server is dead.
#[tokio::test]
async fn a_dead_server_is_named() {
    // Nothing answers: the socket is open, and is never read.
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let closed: SocketAddr = "127.0.0.1:9".parse().unwrap();
    for server in [silent.local_addr().unwrap(), closed] {
        let link = Link::new(key(1).public_key(), "a.example.org").unwrap();
        let config = ListClientConfig { query_timeout: Duration::from_millis(300), ..quick() };
        let mut lists = Lists::start(config, &Servers::At(vec![server]), [link]).unwrap();
        soon(async {
            while lists.stats().unanswered == 0 {
                lists.changed().await;
            }
        })
        .await;
        let error = lists.last_error().unwrap();
        assert_eq!(error, QueryError::NoAnswer { servers: vec![server] });
        assert_eq!(error.to_string(), format!("no answer from {server}"));
    }
}

/// The letters at the end of some records are changed, as a hostile server would.
#[tokio::test]
async fn entries_with_a_wrong_hash_are_counted() {
    let mut zone = Zone::new();
    let tree = Tree::sign(&key(1), 1, records(10..20), []);
    let link = publish(&mut zone, &tree, "a.example.org");
    let changed = zone.values_mut().filter(|text| text.starts_with("enr:")).take(3);
    for text in changed {
        let last = if text.ends_with('A') { "B" } else { "A" };
        text.replace_range(text.len() - 1.., last);
    }
    let server = serve(zone).await;
    let mut lists = Lists::start(quick(), &Servers::At(vec![server]), [link]).unwrap();
    let mut found = BTreeSet::new();
    while found.len() < 7 {
        found.insert(soon(lists.next()).await.unwrap().id());
    }
    soon(async {
        while !lists.progress().is_done() {
            lists.changed().await;
        }
    })
    .await;
    let stats = lists.stats();
    assert_eq!((stats.refused.wrong_hashes, stats.missing, stats.refused.total()), (3, 0, 3));
}

#[tokio::test]
async fn a_server_that_does_not_exist_is_an_unanswered_query() {
    let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let link = Link::new(key(1).public_key(), "a.example.org").unwrap();
    let config = ListClientConfig { query_timeout: Duration::from_millis(200), ..quick() };
    let mut lists = Lists::start(config, &Servers::At(vec![gone]), [link]).unwrap();
    soon(async {
        while lists.stats().unanswered == 0 {
            lists.changed().await;
        }
    })
    .await;
    assert_eq!(lists.progress().paused, 1);
}

//! `whisper-node discover dns fetch`, with a DNS server on loopback.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Output};
use std::thread;

use p2p_identity::{Content, Record, SecretKey};
use p2p_server::p2p_discovery::dns::Tree;

use crate::running::PROGRAM;

const DOMAIN: &str = "nodes.example.org";

/// The texts of a list of five records by name, and its URL.
fn list() -> (HashMap<String, String>, String) {
    let key = |n: u8| SecretKey::from_bytes(&[n; 32]).unwrap();
    let record = |n: u8| Record::sign(&key(n), 1, &Content::new().tcp(1)).unwrap();
    let tree = Tree::sign(&key(1), 1, (2..7).map(record), []);
    let link = tree.link(DOMAIN).unwrap();
    let name = |label: Option<_>| label.map_or(DOMAIN.to_owned(), |label| link.name_of(&label));
    let texts = tree.texts().map(|(label, text)| (name(label).to_lowercase(), text));
    (texts.collect(), link.to_string())
}

/// The answer to a query: one TXT record, or "no such name".
fn answer(zone: &HashMap<String, String>, query: &[u8]) -> Vec<u8> {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let text = zone.get(&labels.join("."));
    let (code, answers) = if text.is_some() { (0x80, 1) } else { (0x83, 0) };
    // The id; the flags; one question; the answers; the question again.
    let head = [&query[..2], &[0x81, code, 0, 1, 0, answers, 0, 0, 0, 0]].concat();
    let mut out = [&head, &query[12..at + 5]].concat();
    if let Some(text) = text {
        let strings: Vec<u8> = text
            .as_bytes()
            .chunks(255)
            .flat_map(|part| [&[u8::try_from(part.len()).unwrap()], part].concat())
            .collect();
        let length = u16::try_from(strings.len()).unwrap().to_be_bytes();
        out.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60].iter().chain(&length).chain(&strings));
    }
    out
}

/// Serves the zone for the rest of the test.
fn serve(zone: HashMap<String, String>) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut query = [0; 4096];
        while let Ok((len, from)) = socket.recv_from(&mut query) {
            socket.send_to(&answer(&zone, &query[..len]), from).unwrap();
        }
    });
    addr
}

/// The number of printed records, and the last line of standard error.
fn fetch(list: &str, server: &str) -> (usize, String) {
    let words = ["discover", "dns", "fetch", list, "--time", "4", "--rate", "1000", "--server"];
    let Output { stdout, stderr, .. } =
        Command::new(PROGRAM).args(words).arg(server).output().unwrap();
    let printed = String::from_utf8(stdout).unwrap();
    assert!(printed.lines().all(|line| line.starts_with("enr:")), "{printed}");
    let last = String::from_utf8(stderr).unwrap().lines().last().unwrap().to_owned();
    (printed.lines().count(), last)
}

#[test]
fn the_last_line_counts_refused_and_missing_entries() {
    let (zone, link) = list();
    let server = serve(zone.clone()).to_string();
    let (printed, last) = fetch(&link, &server);
    assert!(printed == 5 && last.starts_with("5 records in 1 lists"), "{last}");
    assert!(!last.contains("refused") && !last.contains("missing"), "{last}");

    let mut tampered = zone;
    let mut records: Vec<_> = tampered
        .iter()
        .filter(|(_, text)| text.starts_with("enr:"))
        .map(|(name, _)| name.clone())
        .collect();
    records.sort();
    for name in &records[..2] {
        let text = tampered.get_mut(name).unwrap();
        let last = if text.ends_with('A') { "B" } else { "A" };
        text.replace_range(text.len() - 1.., last);
    }
    tampered.remove(&records[2]);
    let (printed, last) = fetch(&link, &serve(tampered).to_string());
    assert!(printed == 2 && last.starts_with("2 records in 1 lists"), "{last}");
    assert!(last.contains("2 entries refused") && last.contains("1 entries missing"), "{last}");
}

#[test]
fn a_dead_server_is_named_and_a_missing_list_too() {
    let (_, link) = list();
    let (printed, last) = fetch(&link, "127.0.0.1:9");
    assert!(printed == 0 && last.contains("no answer from 127.0.0.1:9"), "{last}");
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let both = format!("127.0.0.1:9, {}", silent.local_addr().unwrap());
    let (_, last) = fetch(&link, &both);
    assert!(both.split(", ").all(|server| last.contains(server)), "{last}");
    // The server answers that there is no such name.
    let (_, last) = fetch(&link, &serve(HashMap::new()).to_string());
    assert!(!last.contains("no answer") && last.contains(DOMAIN), "{last}");
    // A list of this name, but of another key.
    let (zone, _) = list();
    let other = link.replace(&link["enrtree://".len()..link.find('@').unwrap()], OTHER_KEY);
    let (_, last) = fetch(&other, &serve(zone).to_string());
    assert!(!last.contains("no answer") && last.contains(DOMAIN), "{last}");
}

/// The key of the example in EIP-1459.
const OTHER_KEY: &str = "AM5FCQLWIZX2QFPNJAP7VUERCCRNGRHWZG3YYHIUV7BVDQ5FDPRT2";

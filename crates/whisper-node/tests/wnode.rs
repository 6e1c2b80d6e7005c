//! go-ethereum's mail server (`wnode` of 1.8.27), asked by this node.
//!
//! `WNODE=PROGRAM cargo test -p whisper-node --test wnode -- --ignored`
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{
    env,
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use whisper_node::{
    Node, NodeConfig,
    p2p_server::{
        Config,
        identity::{Enode, SecretKey},
    },
    whisper_protocol::{
        Clock, MailAsk, MailAskError, MailSeal, PeerRule, Post, Recipient, Rule, SymmetricKey,
        Topic,
        packet::{Query, QueryForm},
    },
    whisper_rpc::RpcConfig,
};

const NEWS: Topic = Topic(*b"news");
const CHAT: Topic = Topic(*b"chat");

/// The server's password with `-test`.
const PASSWORD: &[u8] = b"wwww";

/// Maximum time without anything from the server.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The server, and what it prints: it ends if it can print no more. It is killed on drop.
struct Wnode {
    process: Child,
    enode: Enode,
    _output: Lines<BufReader<ChildStdout>>,
}

impl Wnode {
    fn start(dir: &Path) -> Self {
        let program = env::var("WNODE").expect("the variable WNODE names go-ethereum's wnode");
        let mut wnode = Command::new(program)
            .args(["-mailserver", "-test", "-forwarder", "-standalone", "-ip", "127.0.0.1:0"])
            .arg("-dbpath")
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(wnode.stdout.take().unwrap()).lines();
        let enode = output.find_map(|line| line.unwrap().parse().ok());
        Self { process: wnode, enode: enode.unwrap(), _output: output }
    }
}

impl Drop for Wnode {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ask(password: &[u8], topics: Vec<Topic>) -> MailAsk {
    let query = Query { from: Clock::system().now() - 3600, topics, ..Query::default() };
    let seal = MailSeal::Password(SymmetricKey::from_password(password));
    MailAsk { timeout: TIMEOUT, ..MailAsk::new(query, seal) }
}

/// Our node. It has posted five messages.
async fn start(server: Enode) -> Node {
    let peers = [(server.id, PeerRule::Only(Rule::GETH_1_8))].into();
    let network = Config::new(SecretKey::generate()).static_node(server);
    let rpc = RpcConfig { http: None, ws: None, ..RpcConfig::default() };
    let mut config = NodeConfig { rpc, ..NodeConfig::new(network) };
    config.whisper.work.peers = peers;
    let node = Node::start(config).await.unwrap();
    let key = node.whisper.keys().add_symmetric(SymmetricKey::from_bytes([7; 32]));
    for (topic, number) in [(NEWS, 1_u8), (CHAT, 2), (NEWS, 3), (NEWS, 4), (CHAT, 5)] {
        let post = Post { topic, payload: vec![number], ..Post::new(Recipient::Symmetric(key)) };
        node.whisper.post(post).await.unwrap();
    }
    node
}

#[tokio::test]
#[ignore = "needs go-ethereum's wnode"]
async fn a_mail_server_of_go_ethereum_answers() {
    let dir = tempfile::tempdir().unwrap();
    let wnode = Wnode::start(dir.path());
    let node = start(wnode.enode.clone()).await;
    let (whisper, server) = (&node.whisper, wnode.enode.id);
    // The connection and the archive of the server take time.
    let answer = loop {
        match whisper.request_messages(server, ask(PASSWORD, Vec::new())).await {
            Ok(answer) if answer.received == 5 => break answer,
            Ok(_) | Err(MailAskError::Unanswered(_)) => {}
            Err(MailAskError::Unsent(_)) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert!(!answer.is_confirmed && answer.cursor.is_none(), "{answer:?}");
    assert!(whisper.stats().sessions.direct_received >= 5);

    let news = whisper.request_messages(server, ask(PASSWORD, vec![NEWS])).await.unwrap();
    assert_eq!(news.received, 3);
    for unanswered in [
        ask(b"guess", Vec::new()),
        ask(PASSWORD, vec![Topic(*b"none")]),
        MailAsk { form: Some(QueryForm::SevenFields), ..ask(b"guess", Vec::new()) },
    ] {
        let refused = whisper.request_messages(server, unanswered).await;
        assert_eq!(refused, Err(MailAskError::Unanswered(TIMEOUT)));
    }
    let open = MailAsk { seal: MailSeal::Open, ..ask(PASSWORD, Vec::new()) };
    let refused = whisper.request_messages(server, open).await;
    assert_eq!(refused, Err(MailAskError::Disconnected { received: 0 }));
    node.stop().await;
}

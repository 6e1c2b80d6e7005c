//! A chat with a node of its own. It understands the chats in the folder `examples/` of the repository.
//!
//! `cargo run -p whisper-protocol --example chat -- CHANNEL PASSWORD NAME [ENODE]`, where the enode URL is that of any node
//! of the network. It prints its own, for other nodes.

use std::{error::Error, io, thread};

use p2p_identity::SecretKey;
use p2p_server::{Config, Server};
use tokio::sync::mpsc;
use whisper_protocol::{FilterKey, FilterSpec, Post, Recipient, Topic, Whisper};

type Failure = Box<dyn Error + Send + Sync>;

/// Starts a node, and chats until `typed` ends.
async fn run(
    args: &[String],
    typed: mpsc::Receiver<String>,
    show: impl Fn(String),
) -> Result<(), Failure> {
    let [channel, password, name, nodes @ ..] = args else {
        return Err("usage: chat CHANNEL PASSWORD NAME [ENODE]".into());
    };
    let whisper = Whisper::new(whisper_protocol::Config::default());
    let mut config = Config::new(SecretKey::generate()).protocols(whisper.protocols());
    for url in nodes {
        config = config.static_node(url.parse()?);
    }
    let server = Server::start(config.listen("127.0.0.1:0")).await?;
    show(server.enode().to_string());
    let outcome = chat(&whisper, channel, password, name, typed, show).await;
    server.stop().await;
    whisper.stop().await;
    outcome
}

async fn chat(
    whisper: &Whisper,
    channel: &str,
    password: &str,
    name: &str,
    mut typed: mpsc::Receiver<String>,
    show: impl Fn(String),
) -> Result<(), Failure> {
    let key = whisper.keys().symmetric_from_password(password);
    let topic = Topic::of_name(channel);
    let mut received = whisper.watch(FilterSpec::new(FilterKey::Symmetric(key)).topic(topic))?;
    show(format!("joined {channel}, type a message"));
    loop {
        tokio::select! {
            received = received.next() => {
                let Some(received) = received else { return Ok(()) };
                let text = String::from_utf8_lossy(&received.message.payload);
                // Control characters of a sender could control the terminal.
                show(text.replace(char::is_control, ""));
            }
            line = typed.recv() => {
                let Some(line) = line else { return Ok(()) };
                let payload = format!("{name}: {line}").into_bytes();
                whisper.post(Post { topic, payload, ttl: 60, ..Post::new(Recipient::Symmetric(key)) }).await?;
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (sender, typed) = mpsc::channel(16);
    thread::spawn(move || {
        io::stdin().lines().map_while(Result::ok).try_for_each(|line| sender.blocking_send(line))
    });
    run(&args, typed, |line| println!("{line}")).await
}

#[tokio::test]
async fn two_chats_on_two_nodes_talk() {
    let start = |name: &str, nodes: &[&str]| {
        let args = [&["news", "swordfish", name], nodes].concat();
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        let (sender, typed) = mpsc::channel(16);
        let (shown, lines) = mpsc::channel(16);
        let show = move |line| shown.try_send(line).unwrap();
        (sender, lines, tokio::spawn(async move { run(&args, typed, show).await }))
    };
    let (alice, mut at_alice, alices_chat) = start("alice", &[]);
    let url = at_alice.recv().await.unwrap();
    let (bob, mut at_bob, bobs_chat) = start("bob", &[&url]);
    at_bob.recv().await.unwrap();
    for lines in [&mut at_alice, &mut at_bob] {
        assert_eq!(lines.recv().await.unwrap(), "joined news, type a message");
    }
    for (typed, shown) in [(&alice, "alice: hello"), (&bob, "bob: hello")] {
        typed.send("hello".to_owned()).await.unwrap();
        assert_eq!(at_alice.recv().await.unwrap(), shown);
        assert_eq!(at_bob.recv().await.unwrap(), shown);
    }
    drop((alice, bob));
    alices_chat.await.unwrap().unwrap();
    bobs_chat.await.unwrap().unwrap();
}

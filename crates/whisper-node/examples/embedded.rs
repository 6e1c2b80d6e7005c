//! A node in a program of one's own. The program is a service on the network that adds numbers. A question is encrypted
//! to the key of the service, and the answer to the key that signed the question.
//!
//! `cargo run -p whisper-node --example embedded`

use std::error::Error;

use whisper_node::{
    Node, NodeConfig,
    p2p_server::{
        Config,
        identity::{PublicKey, SecretKey},
    },
    whisper_protocol::{FilterKey, FilterSpec, KeyId, Post, Recipient, Topic, Watch, Whisper},
    whisper_rpc::{HttpSettings, RpcConfig},
};

type Failure = Box<dyn Error + Send + Sync>;

const SUMS: Topic = Topic(*b"sums");

/// Answers questions until the node stops.
async fn answer(whisper: Whisper, key: KeyId, mut questions: Watch) -> Result<(), Failure> {
    while let Some(question) = questions.next().await {
        // Without a signature there is no key to answer to.
        let Some(asker) = question.signer() else { continue };
        let numbers = String::from_utf8_lossy(&question.message.payload);
        let numbers = numbers.split_whitespace().filter_map(|number| number.parse::<i32>().ok());
        let payload = numbers.map(i64::from).sum::<i64>().to_string().into_bytes();
        let to = Recipient::Asymmetric(*asker);
        whisper.post(Post { topic: SUMS, sign: Some(key), payload, ..Post::new(to) }).await?;
    }
    Ok(())
}

/// Asks the service with the key `service`.
async fn ask(whisper: &Whisper, service: PublicKey, numbers: &str) -> Result<String, Failure> {
    let key = whisper.keys().new_key_pair();
    let spec = FilterSpec { signer: Some(service), ..FilterSpec::new(FilterKey::Private(key)) };
    let mut answers = whisper.watch(spec.topic(SUMS))?;
    let (to, payload) = (Recipient::Asymmetric(service), numbers.as_bytes().to_vec());
    whisper.post(Post { topic: SUMS, sign: Some(key), payload, ..Post::new(to) }).await?;
    let answer = answers.next().await.ok_or("the node has stopped")?;
    Ok(String::from_utf8_lossy(&answer.message.payload).into_owned())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // The node of the service. Other programs can use it as well, over HTTP.
    let mut config = NodeConfig::new(Config::new(SecretKey::generate()).listen("127.0.0.1:0"));
    let http = HttpSettings { addr: "127.0.0.1:0".parse()?, ..HttpSettings::default() };
    config.rpc = RpcConfig { http: Some(http), ws: None, ..RpcConfig::default() };
    let node = Node::start(config).await?;
    println!("JSON-RPC at {:?}", node.rpc().http_addr());
    let keys = node.whisper.keys();
    let key = keys.new_key_pair();
    let questions = node.whisper.watch(FilterSpec::new(FilterKey::Private(key)).topic(SUMS))?;
    let service = keys.public_key(&key).ok_or("the key was deleted")?;
    let answering = tokio::spawn(answer(node.whisper.clone(), key, questions));

    // Another node, without JSON-RPC.
    let network = Config::new(SecretKey::generate()).static_node(node.server.enode());
    let mut config = NodeConfig::new(network);
    config.rpc = RpcConfig { http: None, ws: None, ..RpcConfig::default() };
    let asker = Node::start(config).await?;
    let sum = ask(&asker.whisper, service, "2 3 -7 40").await?;
    println!("the sum is {sum}");
    assert_eq!(sum, "38");

    asker.stop().await;
    node.stop().await;
    answering.await?
}

#[test]
fn the_service_answers() {
    main().unwrap();
}

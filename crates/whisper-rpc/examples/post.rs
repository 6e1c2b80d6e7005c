//! Posts a message on a running node, and tells what became of it.
//!
//! `cargo run -p whisper-rpc --example post -- ws://127.0.0.1:8546 PASSWORD TEXT`

use std::error::Error;

use jsonrpsee_ws_client::WsClientBuilder;
use whisper_rpc::{
    client::ShhClient as _,
    types::{NewMessage, PostState, Topic},
};

type Failure = Box<dyn Error + Send + Sync>;

/// The time to wait for the end of the post.
const WAIT_SECS: u32 = 30;

async fn post(url: &str, password: &str, text: &str) -> Result<PostState, Failure> {
    let node = WsClientBuilder::default().build(url).await?;
    let message = NewMessage {
        sym_key_id: node.generate_sym_key_from_password(password).await?,
        topic: Topic(*b"news"),
        payload: text.as_bytes().to_vec().into(),
        ttl: 60,
        pow_target: 0.2,
        pow_time: 5,
        ..NewMessage::default()
    };
    let hash = node.post(&message).await?;
    let receipt = node.receipt(&hash, Some(WAIT_SECS)).await?;
    Ok(receipt.ok_or("the node has forgotten the post")?.state)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, password, text] = &args[..] else {
        return Err("usage: post URL PASSWORD TEXT".into());
    };
    match post(url, password, text).await? {
        PostState::Delivered => println!("peers of the node have the message"),
        PostState::Pending => {
            println!("the node has no peer yet, and sends it to those that connect");
        }
        state => println!("no peer has it: {state:?}"),
    }
    Ok(())
}

#[tokio::test]
async fn a_post_reaches_the_peer_of_the_node() {
    use p2p_identity::SecretKey;
    use p2p_server::{Config, Server};
    use whisper_protocol::Whisper;
    use whisper_rpc::{RpcConfig, WsSettings, serve};

    let [near, far] = [(), ()].map(|()| Whisper::new(whisper_protocol::Config::default()));
    let config =
        |whisper: &Whisper| Config::new(SecretKey::generate()).protocols(whisper.protocols());
    let there = Server::start(config(&far).listen("127.0.0.1:0")).await.unwrap();
    let here = Server::start(config(&near).static_node(there.enode())).await.unwrap();
    let ws = WsSettings { addr: "127.0.0.1:0".parse().unwrap(), ..WsSettings::default() };
    let config = RpcConfig { http: None, ws: Some(ws), ..RpcConfig::default() };
    let rpc = serve(config, near, here.clone()).await.unwrap();
    let url = format!("ws://{}", rpc.ws_addr().unwrap());
    assert_eq!(post(&url, "swordfish", "hello").await.unwrap(), PostState::Delivered);
    rpc.stop().await;
    tokio::join!(here.stop(), there.stop());
}

//! The typed calls of the library, over HTTP and WebSocket, against a real node.

use crate::support::eventually::{PATIENCE, eventually};
use crate::support::node::{Node, config};
use jsonrpsee_http_client::HttpClientBuilder;
use jsonrpsee_ws_client::WsClientBuilder;
use tokio::time::timeout;
use whisper_protocol::Reason;
use whisper_rpc::Namespace;
use whisper_rpc::client::{
    AdminClient, ClientT, DebugClient, Error, NetClient, RpcClient, ShhClient,
    ShhSubscriptions as _, Web3Client,
};
use whisper_rpc::types::{
    Criteria, EnvelopeStateJson, HexBytes, NewMessage, PostState, Quantity, Topic,
};

const TOPIC: Topic = Topic(*b"chat");

async fn start() -> Node {
    let mut config = config();
    config.http.as_mut().unwrap().api = Namespace::ALL.to_vec();
    config.ws.as_mut().unwrap().api = Namespace::ALL.to_vec();
    Node::start_with(config).await
}

/// The text of the error that the node answers.
fn refused<T>(answer: Result<T, Error>) -> String {
    match answer {
        Err(Error::Call(error)) => error.message().to_owned(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was not refused"),
    }
}

/// Settings, keys, a filter, a post with work, its message and its receipt.
async fn whisper(client: &(impl ClientT + Sync)) {
    settings(client).await;
    let (key, pair) = keys(client).await;
    let public = client.get_public_key(&pair).await.unwrap();
    let criteria = Criteria {
        sym_key_id: key.clone(),
        sig: public.clone(),
        min_pow: 0.001,
        topics: vec![TOPIC.into()],
        ..Criteria::default()
    };
    let filter = client.new_message_filter(&criteria).await.unwrap();
    let message = NewMessage {
        sym_key_id: key.clone(),
        sig: pair.clone(),
        ttl: 20,
        topic: TOPIC,
        payload: b"hello".to_vec().into(),
        padding: b"some".to_vec().into(),
        pow_time: 5,
        pow_target: 0.002,
        ..NewMessage::default()
    };
    let hash = client.post(&message).await.unwrap();
    receives(client, &filter, &hash, public).await;
    follows(client, &hash).await;

    assert!(client.delete_message_filter(&filter).await.unwrap());
    assert_eq!(refused(client.get_filter_messages(&filter).await), "filter not found");
    assert!(client.delete_sym_key(&key).await.unwrap());
    assert!(client.delete_key_pair(&pair).await.unwrap());
    let text = format!("invalid id: there is no key pair with the id \"{pair}\"");
    assert_eq!(refused(client.post(&message).await), text);
}

async fn settings(client: &(impl ClientT + Sync)) {
    assert_eq!(client.version().await.unwrap(), "6.0");
    assert!(client.set_min_pow(0.001).await.unwrap());
    let info = client.info().await.unwrap();
    assert_eq!((info.min_pow, info.max_message_size), (0.001, 1024 * 1024));
}

/// Makes a symmetric key and a key pair.
async fn keys(client: &(impl ClientT + Sync)) -> (String, String) {
    let key = client.add_sym_key(&[7; 32].into()).await.unwrap();
    assert_eq!(client.get_sym_key(&key).await.unwrap(), HexBytes::from([7; 32]));
    let pair = client.new_key_pair().await.unwrap();
    let public = client.get_public_key(&pair).await.unwrap();
    assert_eq!(public.as_slice().len(), 65);
    (key, pair)
}

/// The filter collects the message.
async fn receives(client: &(impl ClientT + Sync), filter: &str, hash: &HexBytes, signer: HexBytes) {
    let messages = eventually("message", async || {
        let messages = client.get_filter_messages(filter).await.unwrap();
        (!messages.is_empty()).then_some(messages)
    })
    .await;
    assert_eq!(messages.len(), 1);
    let received = &messages[0];
    assert_eq!((received.ttl, received.topic, &received.hash), (20, TOPIC, hash));
    assert_eq!(received.payload.as_slice(), b"hello");
    assert_eq!(received.padding.as_slice(), b"some");
    assert_eq!((&received.sig, &received.recipient_public_key), (&Some(signer), &None));
    assert!(received.pow >= 0.002);
}

/// The receipt and the explanation of a post.
async fn follows(client: &(impl ClientT + Sync), hash: &HexBytes) {
    let receipt = client.receipt(hash, None).await.unwrap().unwrap();
    assert_eq!((receipt.state, receipt.handed), (PostState::Pending, Some(0)));
    assert!(client.receipt(&[0; 32].into(), Some(1)).await.unwrap().is_none());
    let explanation = client.explain(hash, None).await.unwrap();
    assert_eq!(explanation.state, EnvelopeStateJson::Pooled);
    assert_eq!(explanation.pooled.unwrap().topic, TOPIC);
}

/// The other namespaces.
async fn node(client: &(impl ClientT + Sync), other: &Node) {
    let url = other.enode().to_string();
    assert!(client.add_peer(&url).await.unwrap());
    eventually("peer", async || (client.peer_count().await.unwrap() == Quantity(1)).then_some(()))
        .await;
    let peers = client.peers().await.unwrap();
    assert_eq!(peers[0].id, other.server.node_info().id);
    assert!(peers[0].protocols.contains_key("shh") && !peers[0].network.inbound);
    let info = client.node_info().await.unwrap();
    assert!(info.protocols["shh"].get().contains("6.0"));
    assert_eq!(client.client_version().await.unwrap(), info.name);
    assert!(client.remove_peer(&url).await.unwrap());
    assert_eq!(
        refused(client.add_peer("nonsense").await),
        "invalid enode: invalid URL scheme, want \"enode\""
    );

    assert_eq!(client.network_version().await.unwrap(), "1");
    assert!(client.listening().await.unwrap());
    let hash = client.sha3(&HexBytes::default()).await.unwrap();
    assert_eq!(hash.as_slice()[..4], [0xc5, 0xd2, 0x46, 0x01]);
    assert_eq!(client.modules().await.unwrap()["shh"], "1.0");
    assert_eq!(client.discover().await.unwrap()["info"]["title"], "whisper-node");
    let drops = client.drops().await.unwrap();
    let lists = |name: &str| drops.iter().any(|dropped| dropped.reason == name);
    assert!(lists(Reason::LowWork.name()) && lists("refused.banned"));
}

#[tokio::test]
async fn over_http() {
    let (here, there) = (start().await, start().await);
    let client = HttpClientBuilder::default().build(format!("http://{}", here.http())).unwrap();
    whisper(&client).await;
    node(&client, &there).await;
    here.stop().await;
    there.stop().await;
}

#[tokio::test]
async fn over_websocket_with_a_subscription() {
    let (here, there) = (start().await, start().await);
    let client = WsClientBuilder::default().build(format!("ws://{}", here.ws())).await.unwrap();
    whisper(&client).await;
    node(&client, &there).await;

    let pair = client.new_key_pair().await.unwrap();
    let criteria = Criteria { private_key_id: pair.clone(), ..Criteria::default() };
    let mut messages = client.messages(&criteria).await.unwrap();
    let public = client.get_public_key(&pair).await.unwrap();
    let message = NewMessage {
        pub_key: public.clone(),
        topic: TOPIC,
        pow_time: 5,
        pow_target: 0.002,
        ..NewMessage::default()
    };
    let hash = client.post(&message).await.unwrap();
    let received = timeout(PATIENCE, messages.next()).await.expect("in time").unwrap().unwrap();
    assert_eq!((received.hash, received.recipient_public_key), (hash, Some(public)));
    let none = Criteria::default();
    assert_eq!(
        refused(client.messages(&none).await),
        "specify either a symmetric or an asymmetric key"
    );
    messages.unsubscribe().await.unwrap();
    here.stop().await;
    there.stop().await;
}

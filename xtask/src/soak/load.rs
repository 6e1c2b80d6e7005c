//! What is done to the nodes: posts, subscriptions, filters, and strangers that connect.

use std::{
    fmt,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    call::{batch, call},
    node::Node,
};
use crate::command::Failure;

/// The topic of all messages.
const TOPIC: &str = "0x736f616b";

/// The password of all messages.
const PASSWORD: &str = "soak";

/// How long messages live, in seconds.
const TTL_SECS: u32 = 20;

/// Rounds for which a subscription is held.
const ROUNDS_TO_SUBSCRIBE: u64 = 30;

/// The fraction of messages that must arrive: those of the last seconds are on the way.
const MIN_ARRIVED: f64 = 0.95;

/// The load on the nodes, and what came of it.
pub(super) struct Load {
    /// Of each steady node: the id of the key.
    keys: Vec<Value>,
    /// The filter of the last steady node, and its messages so far.
    filter: Value,
    /// Number of posts in a round.
    rate: u32,
    posted: u64,
    arrived: u64,
    /// A connection with a subscription.
    subscription: Option<UnixStream>,
}

impl Load {
    /// Makes the keys, and the filter that all messages must pass.
    pub(super) fn new(steady: &[Node], rate: u32) -> Result<Self, Failure> {
        let key =
            |node: &Node| call(node.http(), "shh_generateSymKeyFromPassword", &json!([PASSWORD]));
        let keys = steady.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        let filter = new_filter(&steady[steady.len() - 1], &keys[steady.len() - 1])?;
        Ok(Self { keys, filter, rate, posted: 0, arrived: 0, subscription: None })
    }

    /// One second of load.
    pub(super) fn round(
        &mut self,
        round: u64,
        steady: &[Node],
        churning: &[Node],
    ) -> Result<(), Failure> {
        self.post(round, &steady[0], &self.keys[0].clone())?;
        let last = steady.len() - 1;
        let fetched = call(steady[last].http(), "shh_getFilterMessages", &json!([self.filter]))?;
        self.arrived += fetched.as_array().map_or(0, Vec::len) as u64;
        // A filter that lives for one round, and its key.
        let node = &steady[usize::try_from(round).unwrap_or_default() % steady.len()];
        let key = call(node.http(), "shh_newSymKey", &json!([]))?;
        let filter = new_filter(node, &key)?;
        call(node.http(), "shh_deleteMessageFilter", &json!([filter]))?;
        call(node.http(), "shh_deleteSymKey", &json!([key]))?;
        stranger(round, node);
        if round.is_multiple_of(ROUNDS_TO_SUBSCRIBE) {
            self.subscription = subscribe(&steady[0], &self.keys[0]);
        }
        if let Some(node) = churning.first() {
            // It may be starting.
            let _ = call(node.http(), "admin_peers", &json!([]));
        }
        Ok(())
    }

    /// Posts messages of some hundred bytes, and in every eighth round one of 50 kB among them.
    fn post(&mut self, round: u64, node: &Node, key: &Value) -> Result<(), Failure> {
        let message = |index: u64| {
            let is_large = index == 0 && round.is_multiple_of(8);
            let bytes = if is_large { 50_000 } else { 100 + 7 * ((round + index) % 50) };
            let payload = "5a".repeat(usize::try_from(bytes).unwrap_or_default());
            json!([{
                "symKeyID": key, "topic": TOPIC, "ttl": TTL_SECS, "powTime": 2, "powTarget": 0.001,
                "payload": format!("0x{round:016x}{index:016x}{payload}"),
            }])
        };
        let messages: Vec<Value> = (0..self.rate.into()).map(message).collect();
        batch(node.http(), "shh_post", &messages)?;
        self.posted += u64::from(self.rate);
        Ok(())
    }

    /// Why the nodes did not work.
    pub(super) fn fault(&self) -> Option<String> {
        let is_fault =
            (self.arrived as f64) < self.posted as f64 * MIN_ARRIVED - 5.0 * f64::from(self.rate);
        is_fault.then(|| format!("messages are missing: {self}"))
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} posts, {} arrived", self.posted, self.arrived)
    }
}

fn new_filter(node: &Node, key: &Value) -> Result<Value, Failure> {
    let criteria = json!([{"symKeyID": key, "topics": [TOPIC]}]);
    call(node.http(), "shh_newMessageFilter", &criteria)
}

/// Connects like a peer, and sends no handshake: nothing, HTTP, or junk.
fn stranger(round: u64, node: &Node) {
    // Errors are ignored: the node closes such connections.
    let Ok(mut stream) = TcpStream::connect(node.peer_addr()) else { return };
    let _ = stream.set_read_timeout(Some(Duration::from_millis(50)));
    let _ = match round % 3 {
        0 => Ok(()),
        1 => stream.write_all(b"GET / HTTP/1.1\r\n\r\n"),
        _ => stream.write_all(&[0x55; 400]),
    };
    let _ = stream.read(&mut [0; 16]);
}

/// Subscribes to all messages. They are not read: the connection is closed in the end, as by a client that was killed.
fn subscribe(node: &Node, key: &Value) -> Option<UnixStream> {
    let mut stream = UnixStream::connect(node.ipc()).ok()?;
    let criteria = json!({"symKeyID": key, "topics": [TOPIC]});
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "shh_subscribe", "params": ["messages", criteria],
    });
    stream.write_all(call.to_string().as_bytes()).ok()?;
    Some(stream)
}

//! Random calls of two teams: neither ever sees, changes or guesses an object of the other.
//!
//! A model knows what each team made. Ids are taken from both teams, so about half of them are of the other team: for them
//! the answer must be the one for an id that does not exist.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::env;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, RngCore as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::support::client::Client as _;
use crate::support::node::request;
use crate::support::teams::{TeamSocket, node, team, teams};

/// Calls without `RPC_TEAM_CALLS`: a hundredth of those by `cargo xtask test --long`.
const CALLS: usize = 10_000;

/// Maximum number of subscriptions of a team.
const MAX_SUBSCRIPTIONS: usize = 8;

/// Number of posts of both teams after which the node may have forgotten a receipt.
const REMEMBERED: usize = 2000;

const TOPIC: &str = "0x74657374";

/// The error about a key pair that the team does not have; `{id}` stands for its id.
const NO_PAIR: &str = "invalid id: there is no key pair with the id \"{id}\"";

/// The error about a symmetric key that the team does not have.
const NO_KEY: &str = "non-existent key ID";

/// A kind of object that has an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Pair,
    Symmetric,
    Filter,
    Post,
    Subscription,
}

/// One team: its connection, and what it has.
struct Side {
    client: TeamSocket,
    has: HashSet<(Kind, String)>,
    /// The key of each filter, subscription and post.
    key_of: HashMap<String, String>,
    /// The names of its cursors. Both teams use the same ones.
    cursors: BTreeSet<String>,
    /// Notifications whose subscription or post is not known yet: its answer follows.
    unnamed: Vec<(String, String)>,
}

/// Both teams, and every id that was ever made.
struct Model {
    sides: [Side; 2],
    made: HashMap<Kind, Vec<String>>,
    rng: StdRng,
    /// The posts of both teams, in their order.
    posts: Vec<String>,
    refused: usize,
}

impl Side {
    /// Calls a method. Keeps the notifications that arrive before the answer.
    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.client.send(request(method, params)).await;
        loop {
            let text = self.client.next().await.expect("an answer");
            let answer: Value = serde_json::from_str(&text).unwrap();
            if answer.get("id").is_some() {
                return answer;
            }
            let (id, hash) =
                (&answer["params"]["subscription"], &answer["params"]["result"]["hash"]);
            let text = |json: &Value| json.as_str().unwrap().to_owned();
            self.unnamed.push((text(id), text(hash)));
        }
    }

    /// The notifications so far must be for subscriptions of this team.
    fn check_notifications(&mut self) {
        for (id, hash) in std::mem::take(&mut self.unnamed) {
            self.is_own_message(&id, &hash);
        }
    }

    /// A message is for the key of its filter or subscription, and was posted by this team.
    fn is_own_message(&self, receiver: &str, hash: &str) {
        let key = self.key_of.get(receiver).expect("a receiver of this team");
        assert_eq!(self.key_of.get(hash), Some(key), "a message of another key or team");
    }
}

impl Model {
    /// An id of this kind: of one of the teams, gone or not, or one that does not exist.
    fn id(&mut self, kind: Kind) -> String {
        let made = self.made.entry(kind).or_default();
        // The latest are the most likely to exist.
        let latest = &made[made.len().saturating_sub(64)..];
        match latest.choose(&mut self.rng) {
            Some(id) if self.rng.random_ratio(9, 10) => id.clone(),
            _ if kind == Kind::Post => format!("0x{}", hex::encode(self.rng.random::<[u8; 32]>())),
            _ => hex::encode(self.rng.random::<[u8; 32]>()),
        }
    }

    fn made(&mut self, side: usize, kind: Kind, answer: &Value, key: Option<&str>) {
        let id = answer["result"].as_str().unwrap_or_else(|| panic!("{kind:?}: {answer}"));
        let is_new = self.sides[side].has.insert((kind, id.to_owned()));
        assert!(is_new && !self.sides[1 - side].has.contains(&(kind, id.to_owned())));
        self.made.entry(kind).or_default().push(id.to_owned());
        if let Some(key) = key {
            self.sides[side].key_of.insert(id.to_owned(), key.to_owned());
        }
    }

    /// The answer to a call about an id must be an error with this text if the team does not have it.
    fn known_only_if_owned(&mut self, is_owned: bool, answer: &Value, text: &str, id: &str) {
        self.refused += usize::from(!is_owned);
        match is_owned {
            true => assert!(answer.get("result").is_some(), "{answer}"),
            false => assert_eq!(answer["error"]["message"], text.replace("{id}", id)),
        }
    }

    async fn step(&mut self) {
        let side = usize::from(self.rng.random::<bool>());
        match self.rng.random_range(0..1000) {
            0..150 => self.make_key(side).await,
            150..400 => self.ask_for_key(side).await,
            400..460 => self.delete_key(side).await,
            460..560 => self.make_receiver(side).await,
            560..740 => self.use_filter(side).await,
            740..800 => self.post(side).await,
            800..950 => self.follow(side).await,
            950..980 => self.unsubscribe(side).await,
            980..985 => self.name_cursor(side).await,
            985..999 => self.read_archives(side).await,
            _ => {
                let method = "shh_generateSymKeyFromPassword";
                // One password would give both teams one key, and so the messages of each other.
                let password = hex::encode(self.rng.random::<[u8; 8]>());
                let answer = self.sides[side].call(method, json!([password])).await;
                self.made(side, Kind::Symmetric, &answer, None);
            }
        }
    }

    async fn make_key(&mut self, side: usize) {
        let (kind, method) = match self.rng.random::<bool>() {
            true => (Kind::Pair, "shh_newKeyPair"),
            false => (Kind::Symmetric, "shh_newSymKey"),
        };
        let answer = self.sides[side].call(method, json!([])).await;
        self.made(side, kind, &answer, None);
    }

    async fn ask_for_key(&mut self, side: usize) {
        let (kind, has, get, text) = match self.rng.random::<bool>() {
            true => (Kind::Pair, "shh_hasKeyPair", "shh_getPublicKey", NO_PAIR),
            false => (Kind::Symmetric, "shh_hasSymKey", "shh_getSymKey", NO_KEY),
        };
        let id = self.id(kind);
        let is_owned = self.sides[side].has.contains(&(kind, id.clone()));
        if self.rng.random::<bool>() {
            let answer = self.sides[side].call(has, json!([id])).await;
            assert_eq!(answer["result"], is_owned, "{answer}");
        } else {
            let answer = self.sides[side].call(get, json!([id])).await;
            self.known_only_if_owned(is_owned, &answer, text, &id);
        }
    }

    async fn delete_key(&mut self, side: usize) {
        let id = self.id(Kind::Symmetric);
        let is_owned = self.sides[side].has.remove(&(Kind::Symmetric, id.clone()));
        let answer = self.sides[side].call("shh_deleteSymKey", json!([id])).await;
        assert_eq!(answer["result"], is_owned, "{answer}");
    }

    /// Makes a filter or a subscription with any key.
    async fn make_receiver(&mut self, side: usize) {
        let key = self.id(Kind::Symmetric);
        let is_owned = self.sides[side].has.contains(&(Kind::Symmetric, key.clone()));
        let mut criteria = json!({ "symKeyID": key, "topics": [TOPIC] });
        let count = |kind| self.sides[side].has.iter().filter(|(of, _)| *of == kind).count();
        let (kind, method, params) = match count(Kind::Subscription) < MAX_SUBSCRIPTIONS {
            true => (Kind::Subscription, "shh_subscribe", json!(["messages", criteria])),
            false => {
                criteria["acknowledge"] = true.into();
                (Kind::Filter, "shh_newMessageFilter", json!([criteria]))
            }
        };
        let answer = self.sides[side].call(method, params).await;
        self.known_only_if_owned(is_owned, &answer, NO_KEY, &key);
        if is_owned {
            self.made(side, kind, &answer, Some(&key));
        }
    }

    /// Takes the messages of any filter, or deletes it.
    async fn use_filter(&mut self, side: usize) {
        let id = self.id(Kind::Filter);
        let owned = (Kind::Filter, id.clone());
        if self.rng.random_ratio(1, 4) {
            let is_owned = self.sides[side].has.remove(&owned);
            let answer = self.sides[side].call("shh_deleteMessageFilter", json!([id])).await;
            self.known_only_if_owned(is_owned, &answer, "Unsubscribe: Invalid ID", &id);
            return;
        }
        let is_owned = self.sides[side].has.contains(&owned);
        if self.rng.random_ratio(1, 8) {
            let post = self.id(Kind::Post);
            let answer = self.sides[side].call("shh_ack", json!([id, [post]])).await;
            self.known_only_if_owned(is_owned, &answer, "filter not found", &id);
            return;
        }
        let methods = ["shh_getFilterMessages", "shh_getUnacknowledged"];
        let method = methods.choose(&mut self.rng).unwrap();
        let answer = self.sides[side].call(method, json!([id])).await;
        self.known_only_if_owned(is_owned, &answer, "filter not found", &id);
        for message in answer["result"].as_array().into_iter().flatten() {
            self.sides[side].is_own_message(&id, message["hash"].as_str().unwrap());
        }
    }

    async fn post(&mut self, side: usize) {
        let key = self.id(Kind::Symmetric);
        let is_owned = self.sides[side].has.contains(&(Kind::Symmetric, key.clone()));
        let message = json!({
            "symKeyID": key, "topic": TOPIC, "payload": "0x00", "ttl": 5, "powTarget": 0.0, "powTime": 1,
        });
        let answer = self.sides[side].call("shh_post", json!([message])).await;
        self.known_only_if_owned(is_owned, &answer, NO_KEY, &key);
        if is_owned {
            self.made(side, Kind::Post, &answer, Some(&key));
            self.posts.push(answer["result"].as_str().unwrap().to_owned());
        }
    }

    /// Asks for the receipt or the explanation of any post.
    async fn follow(&mut self, side: usize) {
        let hash = self.id(Kind::Post);
        let is_owned = self.sides[side].has.contains(&(Kind::Post, hash.clone()));
        let latest = &self.posts[self.posts.len().saturating_sub(REMEMBERED)..];
        let is_known = is_owned && latest.contains(&hash);
        if self.rng.random::<bool>() {
            let answer = self.sides[side].call("shh_receipt", json!([hash])).await;
            match is_known {
                true => assert!(answer["result"].is_object(), "{answer}"),
                false => assert!(is_owned || answer["result"].is_null(), "{answer}"),
            }
            return;
        }
        let answer = self.sides[side].call("shh_explain", json!([hash])).await;
        if !is_owned {
            assert_eq!(answer["result"], json!({ "hash": hash, "state": "unknown", "drops": [] }));
            self.refused += 1;
        }
    }

    async fn unsubscribe(&mut self, side: usize) {
        let id = self.id(Kind::Subscription);
        let is_owned = self.sides[side].has.remove(&(Kind::Subscription, id.clone()));
        let answer = self.sides[side].call("shh_unsubscribe", json!([id])).await;
        self.known_only_if_owned(is_owned, &answer, "subscription not found", &id);
    }

    /// Acknowledges or forgets a place in a history. Each team has the names that it has acknowledged, and no others.
    async fn name_cursor(&mut self, side: usize) {
        let (name, forget) = (self.rng.random_range(0..9).to_string(), self.rng.random::<bool>());
        let question = hex::encode(self.rng.random::<[u8; 8]>());
        let cursor = if forget { String::new() } else { format!("ce0288{question}0707c080") };
        let side = &mut self.sides[side];
        let answer = side.call("history_ack", json!([name, cursor])).await;
        assert_eq!(answer["result"], true, "{answer}");
        _ = if forget { side.cursors.remove(&name) } else { side.cursors.insert(name) };
        let answer = side.call("history_cursors", json!([])).await;
        assert_eq!(answer["result"], json!(side.cursors), "{answer}");
    }

    /// Asks archives with a filter or a key of the other team. With an own one it would wait for archives.
    async fn read_archives(&mut self, side: usize) {
        let (kind, field, text) = match self.rng.random::<bool>() {
            true => (Kind::Filter, "filter", "filter not found"),
            false => (Kind::Symmetric, "symKeyID", NO_KEY),
        };
        let id = self.id(kind);
        if !self.sides[side].has.contains(&(kind, id.clone())) {
            let answer = self.sides[side].call("history_query", json!([{ (field): id }])).await;
            self.known_only_if_owned(false, &answer, text, &id);
        }
    }
}

#[tokio::test]
async fn two_teams_never_see_objects_of_each_other() {
    let calls = env::var("RPC_TEAM_CALLS").ok().and_then(|text| text.parse().ok());
    let calls = calls.unwrap_or(CALLS);
    let node = node(teams([team("weather"), team("alarms")])).await;
    let side = async |team| Side {
        client: TeamSocket::connect(node.ws(), team).await,
        has: HashSet::new(),
        key_of: HashMap::new(),
        cursors: BTreeSet::new(),
        unnamed: Vec::new(),
    };
    let mut model = Model {
        sides: [side("weather").await, side("alarms").await],
        made: HashMap::new(),
        rng: StdRng::seed_from_u64(rand::rng().next_u64()),
        posts: Vec::new(),
        refused: 0,
    };
    for _ in 0..calls {
        model.step().await;
        model.sides.iter_mut().for_each(Side::check_notifications);
    }
    // The calls were about objects of the other team often enough.
    assert!(model.refused > calls / 10, "{} of {calls}", model.refused);
    node.stop().await;
}

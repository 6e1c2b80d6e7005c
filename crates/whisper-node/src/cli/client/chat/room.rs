//! The topic of a chat at a running node: what comes there, and what is sent.

use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::core::client::Error as ClientError;
use tokio::sync::mpsc::Sender;
use tokio::time::{MissedTickBehavior, interval};
use whisper_envelope::Topic;
use whisper_rpc::OVER_QUOTA_CODE;
use whisper_rpc::client::{HistoryClient as _, NetClient as _, ShhClient as _};
use whisper_rpc::types::{Criteria, HistoryCriteria, MessageJson, NewMessage, PostState};

use super::posts::Fate;
use crate::cli::client::connection::Connection;
use crate::cli::client::send;
use crate::cli::failure::Failure;

/// Time between two looks for messages. HTTP has no subscriptions, so the node is asked.
const POLL: Duration = Duration::from_millis(500);

/// Maximum time for the work of a message, in seconds: less than that of a call.
const WORK_SECS: u32 = 20;

/// Pages of the history that are read at most, and envelopes that are looked through for one.
const MAX_PAGES: usize = 10;
const PAGE_ENVELOPES: u32 = 500;

/// What the chat learns from the node.
#[derive(Debug)]
pub(super) enum News {
    /// Messages that came, and the number of peers if the node tells it.
    Look { messages: Vec<MessageJson>, peers: Option<usize> },
    /// Messages of an archive.
    Archived(Vec<MessageJson>),
    /// The history was read, or why not.
    HistoryEnd(Result<(), String>),
    /// The user's message was sent; the hash of its envelope.
    Sent(Vec<u8>),
    /// The user's message was not sent, and why.
    NotSent { text: String, why: String },
    /// It is known what became of the user's message.
    Ended { hash: Vec<u8>, fate: Fate },
    /// The node cannot be asked at the moment.
    Trouble(String),
    /// The node cannot be asked any more.
    Gone(Failure),
}

/// The topic of a chat at a running node.
pub(super) struct Room {
    node: Connection,
    key: String,
    filter: String,
    topic: Topic,
    ttl: u32,
    pow: f64,
}

impl Room {
    /// Collects messages from now on, and those that the node has already.
    pub(super) async fn join(
        node: Connection,
        key: String,
        topic: Topic,
        ttl: u32,
        pow: f64,
    ) -> Result<Self, Failure> {
        let criteria = Criteria {
            sym_key_id: key.clone(),
            topics: vec![topic.into()],
            include_pooled: true,
            ..Criteria::default()
        };
        match node.new_message_filter(&criteria).await {
            Ok(filter) => Ok(Self { node, key, filter, topic, ttl, pow }),
            Err(error) => {
                let _ = node.delete_sym_key(&key).await;
                Err(Failure::Call(error))
            }
        }
    }

    pub(super) fn topic(&self) -> Topic {
        self.topic
    }

    /// Removes what the node keeps for the chat. The node may be gone, and that with it.
    pub(super) async fn leave(&self) {
        let _ = self.node.delete_message_filter(&self.filter).await;
        let _ = self.node.delete_sym_key(&self.key).await;
    }

    /// Brings what comes, until the receiver of the news has closed or the node is gone.
    pub(super) async fn watch(self: Arc<Self>, news: Sender<News>) {
        let mut ticks = interval(POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let look = match self.node.get_filter_messages(&self.filter).await {
                Ok(messages) => {
                    let peers = self.node.peer_count().await.ok().map(|count| count.0);
                    News::Look { messages, peers }
                }
                Err(ClientError::RestartNeeded(_) | ClientError::ServiceDisconnect) => {
                    News::Gone(Failure::NodeGone)
                }
                // It is asked again.
                Err(ClientError::Call(error)) if error.code() == OVER_QUOTA_CODE => {
                    News::Trouble(Failure::Call(ClientError::Call(error)).report())
                }
                // It has restarted, and has neither the filter nor the key any more.
                Err(error @ ClientError::Call(_)) => News::Gone(Failure::Call(error)),
                Err(error) => News::Trouble(Failure::Call(error).report()),
            };
            if news.send(look).await.is_err() {
                return;
            }
        }
    }

    /// Brings what archives have.
    pub(super) async fn read_history(self: Arc<Self>, news: Sender<News>) {
        let mut criteria = HistoryCriteria {
            sym_key_id: self.key.clone(),
            topics: vec![self.topic],
            limit: PAGE_ENVELOPES,
            ..HistoryCriteria::default()
        };
        for _ in 0..MAX_PAGES {
            let part = match self.node.query(&criteria).await {
                Ok(part) => part,
                Err(error) => {
                    let why = Failure::Call(error).report();
                    // The chat may have ended meanwhile; so below.
                    let _ = news.send(News::HistoryEnd(Err(why))).await;
                    return;
                }
            };
            let messages = part.messages.into_iter().map(|stored| stored.message).collect();
            if news.send(News::Archived(messages)).await.is_err() {
                return;
            }
            criteria.cursor = part.cursor;
            if part.caught_up {
                break;
            }
        }
        let _ = news.send(News::HistoryEnd(Ok(()))).await;
    }

    /// Sends a message, and waits until it is known what becomes of it.
    pub(super) async fn send(self: Arc<Self>, payload: Vec<u8>, text: String, news: Sender<News>) {
        let message = NewMessage {
            sym_key_id: self.key.clone(),
            ttl: self.ttl,
            topic: self.topic,
            payload: payload.into(),
            pow_time: WORK_SECS,
            pow_target: self.pow,
            ..NewMessage::default()
        };
        let hash = match self.node.post(&message).await {
            Ok(hash) => hash,
            Err(error) => {
                let why = Failure::Call(error).report();
                let _ = news.send(News::NotSent { text, why }).await;
                return;
            }
        };
        if news.send(News::Sent(hash.as_slice().to_vec())).await.is_err() {
            return;
        }
        let fate = match send::ended(&self.node, &hash, self.ttl).await {
            Ok(receipt) if receipt.state == PostState::Delivered => Fate::Delivered,
            Ok(receipt) => Fate::NotDelivered(send::not_delivered(&receipt)),
            Err(failure) => Fate::NotDelivered(failure.report()),
        };
        let _ = news.send(News::Ended { hash: hash.into_vec(), fate }).await;
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use futures_util::future::join_all;
    use p2p_identity::SecretKey;
    use p2p_server::{Config, Server};
    use tokio::sync::mpsc;
    use whisper_protocol::Whisper;
    use whisper_rpc::{
        HttpSettings, Quota, Quotas, RpcAccess, RpcConfig, Team, TeamToken, Teams, TeamsSettings,
        TokenHash,
    };

    use super::*;

    const TOKEN: &str = "the-token-of-red";

    /// A team that may make this number of calls a second.
    fn teams(calls: u32) -> Teams {
        let quotas = Quotas::default().with(Quota::Calls, NonZeroU32::new(calls));
        let tokens = vec![TeamToken { hash: TokenHash::of(TOKEN), expires: None }];
        let team = Team { tokens, quotas, ..Team::new("red".parse().unwrap()) };
        Teams { teams: vec![team], ipc: None }
    }

    /// A chat whose team makes too many calls says so, and goes on.
    #[tokio::test]
    async fn a_chat_over_its_quota_asks_again() {
        let whisper = Whisper::new(whisper_protocol::Config::default());
        let server = Server::start(Config::new(SecretKey::generate())).await.unwrap();
        let http = HttpSettings { addr: ([127, 0, 0, 1], 0).into(), ..HttpSettings::default() };
        let access = RpcAccess::Teams(TeamsSettings { teams: teams(2), keeper: None });
        let rpc = RpcConfig { http: Some(http), ws: None, access, ..RpcConfig::default() };
        let rpc = whisper_rpc::serve(rpc, whisper.clone(), server.clone()).await.unwrap();
        let url = format!("http://{}", rpc.http_addr().unwrap());
        let [node, other] = [(); 2].map(|()| Connection::open(&url, Some(TOKEN)));
        let (node, other) = (node.await.unwrap(), other.await.unwrap());
        let key = node.add_sym_key(&vec![7; 32].into()).await.unwrap();
        let room = Arc::new(Room::join(node, key, Topic(*b"news"), 60, 0.0).await.unwrap());
        // One call after another is only slowed down; other clients of the team use up what there is.
        let flood = tokio::spawn(async move {
            loop {
                join_all((0..8).map(|_| other.peer_count())).await;
            }
        });
        let (news, mut arrivals) = mpsc::channel(1);
        let watching = tokio::spawn(room.watch(news));
        let mut next = async || match arrivals.recv().await.unwrap() {
            News::Trouble(why) => Some(why),
            News::Look { .. } => None,
            other => panic!("the chat ends: {other:?}"),
        };
        let why = loop {
            if let Some(why) = next().await {
                break why;
            }
        };
        assert!(why.contains("over its quota calls, which is 2"), "{why}");
        flood.abort();
        rpc.hold_teams().await.set(teams(1000));
        while next().await.is_some() {}
        drop(arrivals);
        watching.await.unwrap();
        rpc.stop().await;
        server.stop().await;
        whisper.stop().await;
    }
}

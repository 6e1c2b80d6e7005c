//! Each setting that a running node can change, with a live peer.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::num::NonZeroU32;

use whisper_node::{
    Node, NodeConfig, ReloadError,
    p2p_server::{BanTarget, Config, Event, identity::SecretKey},
    whisper_protocol::{
        Interest, MAX_MESSAGE_SIZE, Post, Rate, RateLimits, Recipient, Topic, Work,
    },
    whisper_rpc::RpcConfig,
};

/// A running node with its configuration.
struct Running {
    node: Node,
    config: NodeConfig,
}

impl Running {
    async fn start(server: Config) -> Self {
        let rpc = RpcConfig { http: None, ws: None, ..RpcConfig::default() };
        let config = NodeConfig { rpc, ..NodeConfig::new(server) };
        Self { node: Node::start(config.clone()).await.unwrap(), config }
    }

    async fn change(&mut self, change: impl FnOnce(&mut NodeConfig)) -> Result<(), ReloadError> {
        let mut new = self.config.clone();
        change(&mut new);
        self.node.reload(&self.config, &new).await?;
        self.config = new;
        Ok(())
    }

    /// Waits for an event that says whether a peer has come, or has gone.
    async fn peer_comes(&mut self, comes: bool) {
        loop {
            match self.node.events.next().await.unwrap() {
                Event::Added { .. } if comes => return,
                Event::Dropped { .. } if !comes => return,
                _ => {}
            }
        }
    }
}

fn config() -> Config {
    Config::new(SecretKey::generate()).listen("127.0.0.1:0")
}

#[tokio::test]
async fn access_rules_act_on_live_peers() {
    let mut node = Running::start(config()).await;
    let peer = Running::start(config().static_node(node.node.server.enode())).await;
    let id = peer.node.server.id();
    node.peer_comes(true).await;
    let rules: [fn(&mut NodeConfig, p2p_identity::NodeId); 3] = [
        |config, id| config.server.settings.access.bans = vec![BanTarget::Node(id)],
        |config, _| config.server.settings.access.allow = Some(Vec::new()),
        |config, _| {
            config.server.settings.access.net_restrict = Some("10.0.0.0/8".parse().unwrap());
        },
    ];
    let open = node.config.server.settings.access.clone();
    for rule in rules {
        node.change(|config| rule(config, id)).await.unwrap();
        node.peer_comes(false).await;
        assert_eq!(node.node.server.peer_count(), 0);
        node.change(|config| config.server.settings.access = open.clone()).await.unwrap();
        // The peer dials again.
        node.peer_comes(true).await;
    }
    peer.node.stop().await;
    node.node.stop().await;
}

#[tokio::test]
async fn listed_nodes_and_limits_act_on_live_peers() {
    let mut node = Running::start(config().discover(false)).await;
    let mut others = [Running::start(config()).await, Running::start(config()).await];
    let enodes = [0, 1].map(|index: usize| others[index].node.server.enode());
    let statics = |nodes: &[_]| {
        let nodes = nodes.to_vec();
        move |config: &mut NodeConfig| config.server.settings.nodes.statics = nodes
    };
    node.change(statics(&enodes[..1])).await.unwrap();
    node.peer_comes(true).await;
    node.change(statics(&enodes[1..])).await.unwrap();
    node.peer_comes(false).await;
    node.peer_comes(true).await;
    assert!(node.node.server.peer(&enodes[1].id).is_some());

    // No slot is free for the other one, until the limit rises or it is trusted.
    let to_node = node.node.server.enode();
    let id = enodes[0].id;
    node.change(|config| config.server.settings.limits.max_peers = 1).await.unwrap();
    others[0].node.server.add_peer(to_node);
    loop {
        if let Event::Refused { id: refused, .. } = node.node.events.next().await.unwrap() {
            assert_eq!(refused, id);
            break;
        }
    }
    let trusted = vec![enodes[0].clone()];
    node.change(|config| config.server.settings.nodes.trusted = trusted).await.unwrap();
    node.peer_comes(true).await;
    others[0].peer_comes(true).await;
    assert_eq!(node.node.server.peer_count(), 2);
    for other in others {
        other.node.stop().await;
    }
    node.node.stop().await;
}

#[tokio::test]
async fn rates_act_on_a_live_peer_that_floods() {
    let mut node = Running::start(config()).await;
    let peer = Running::start(config().static_node(node.node.server.enode())).await;
    node.peer_comes(true).await;
    // The peer was told of no limit, so it does not hold back.
    node.change(|config| {
        let messages = NonZeroU32::new(1);
        let peer = Rate { messages, bytes: None };
        config.whisper.peers.rates =
            RateLimits { peer, tolerance: Some(3), ..RateLimits::default() };
    })
    .await
    .unwrap();
    let key = peer.node.whisper.keys().new_symmetric();
    let flood = async {
        loop {
            let to = Recipient::Symmetric(key);
            let post = Post { topic: Topic([1; 4]), payload: vec![1; 100], ..Post::new(to) };
            peer.node.whisper.post(post).await.unwrap();
        }
    };
    tokio::select! {
        () = flood => {}
        () = node.peer_comes(false) => {}
    }
    assert!(node.node.whisper.stats().limits.over_peer > 0);
    peer.node.stop().await;
    node.node.stop().await;
}

#[tokio::test]
async fn settings_of_whisper_and_the_metrics_change() {
    let mut node = Running::start(config()).await;
    node.change(|config| {
        config.whisper.min_work = Work::new(7.0).unwrap();
        config.whisper.max_message_size = 5000;
        config.whisper.light = true;
        config.whisper.interest = Interest::Filters;
        let messages = NonZeroU32::new(3);
        config.whisper.peers.rates.peer = Rate { messages, bytes: None };
        config.metrics = Some("127.0.0.1:0".parse().unwrap());
    })
    .await
    .unwrap();
    let info = node.node.whisper.info();
    assert_eq!((info.min_work.get(), info.max_message_size, info.light), (7.0, 5000, true));
    assert_eq!(node.node.whisper.bloom(), whisper_node::whisper_protocol::Bloom::EMPTY);
    let served = node.node.metrics_addr().unwrap();

    // An address that is taken, and a size that the protocol forbids: nothing changes.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let failed = node
        .change(|config| {
            config.whisper.light = false;
            config.metrics = Some(taken.local_addr().unwrap());
        })
        .await;
    assert!(matches!(failed, Err(ReloadError::Metrics(_))), "{failed:?}");
    let failed = node
        .change(|config| {
            config.whisper.max_message_size = MAX_MESSAGE_SIZE + 1;
            config.metrics = None;
        })
        .await;
    assert!(matches!(failed, Err(ReloadError::MessageSize(_))), "{failed:?}");
    assert!(node.node.whisper.info().light);
    assert_eq!(node.node.metrics_addr(), Some(served));

    // The same port at all addresses: it cannot be bound while the old one listens. A taken port leaves the old one.
    let everywhere = std::net::SocketAddr::from(([0, 0, 0, 0], served.port()));
    node.config.metrics = Some(served);
    node.change(|config| config.metrics = Some(everywhere)).await.unwrap();
    assert_eq!(node.node.metrics_addr(), Some(everywhere));
    tokio::net::TcpStream::connect(served).await.unwrap();

    node.change(|config| config.metrics = None).await.unwrap();
    assert_eq!(node.node.metrics_addr(), None);
    assert!(tokio::net::TcpStream::connect(served).await.is_err());
    node.node.stop().await;
}

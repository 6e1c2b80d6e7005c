//! The nodes of a run: each with Whisper and an application that wants messages.

mod inbox;
mod posted;
mod traits;

use std::{
    cell::{Ref, RefCell},
    collections::BTreeSet,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use p2p_sim::{HostId, Network, Node, Nodes};
use p2p_world::World;
use tokio::runtime::Handle;
use whisper_protocol::{
    Config, FilterKey, FilterSpec, Interest, KeyId, Post, QueueLimits, QueueSettings, Recipient,
    SymmetricKey, Topic, Whisper, Work,
};
use whisper_rpc::fuzzing::OfflineRpc;

use crate::{members::inbox::Inbox, probe::Probe};

pub(crate) use posted::{Posted, ending};
pub(crate) use traits::Traits;

/// The topics of all messages. Some nodes do not want the second one.
pub(crate) const TOPICS: [Topic; 2] = [Topic(*b"simu"), Topic(*b"some")];

/// The times to live of messages, in seconds. Those that live long are alive at the end of most runs.
pub(crate) const TTLS: [u32; 3] = [30, 60, 240];

/// The client name of the program. Peers of another name may be taken for such that count work differently: when their
/// connections break twice in the middle of a transfer, Whisper learns so.
const CLIENT: &str = "WhisperNode/simulated";

/// The work that a node requires: found at once.
pub(crate) const MIN_WORK: f64 = 0.001;

/// How long a node searches for the work of a message: much longer than it takes, unless a message needs work that none has.
const SEAL_TIME: Duration = Duration::from_millis(50);

/// A node as it runs since its last start.
pub(crate) struct Member {
    pub(crate) whisper: Whisper,
    pub(crate) world: Arc<dyn World>,
    pub(crate) probe: Arc<Probe>,
    rpc: OfflineRpc,
    traits: Traits,
    key: KeyId,
    inbox: Inbox,
    /// Where its host runs.
    runtime: Handle,
    /// How often it was started.
    pub(crate) starts: u32,
}

impl Member {
    /// Whether the node asks for a topic.
    pub(crate) fn wants(&self, topic: usize) -> bool {
        topic == 0 || !self.traits.is_narrow || self.inbox.has_more()
    }

    /// The numbers of the messages that it has received since its start.
    pub(crate) fn received(&self) -> BTreeSet<u64> {
        self.inbox.received()
    }

    /// A node that does not want all topics subscribes to the second one, or no longer.
    pub(crate) fn change_topics(&mut self) {
        if self.traits.is_narrow {
            let spec = FilterSpec { include_pooled: true, ..self.filter(TOPICS[1]) };
            self.inbox.change(&self.whisper, spec);
        }
    }

    /// The earliest expiry of the messages in its pool, in seconds since 1970.
    pub(crate) fn oldest_expiry(&self) -> Option<u32> {
        let pooled = self.whisper.all_messages(&self.inbox.id())?;
        pooled.iter().map(|message| message.sent.saturating_add(message.ttl)).min()
    }

    fn filter(&self, topic: Topic) -> FilterSpec {
        FilterSpec::new(FilterKey::Symmetric(self.key)).topic(topic)
    }
}

/// A message to post.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewPost {
    pub(crate) node: usize,
    pub(crate) number: u64,
    /// The index in [`TOPICS`].
    pub(crate) topic: usize,
    /// In seconds.
    pub(crate) ttl: u32,
}

/// All nodes, and what they have posted.
#[derive(Clone)]
pub(crate) struct Members {
    pub(crate) nodes: Nodes,
    members: Rc<RefCell<Vec<Option<Member>>>>,
    posts: Arc<Mutex<Vec<Posted>>>,
}

impl Members {
    /// Adds the nodes to the network. `varied`: they differ from each other.
    pub(crate) fn new(network: &mut Network, count: usize, degree: usize, varied: bool) -> Self {
        let members = Rc::new(RefCell::new(Vec::new()));
        members.borrow_mut().resize_with(count, || None);
        let (of_nodes, seed) = (Rc::clone(&members), network.seed());
        let nodes = Nodes::new(network, count, degree, move |node| {
            let traits = if varied { Traits::of(seed, node.index()) } else { Traits::default() };
            start(node, traits, &of_nodes)
        });
        Self { nodes, members, posts: Arc::default() }
    }

    /// Number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.nodes.hosts().len()
    }

    /// A node, unless it is off.
    pub(crate) fn member(&self, index: usize) -> Option<Ref<'_, Member>> {
        self.nodes.server(index)?;
        Ref::filter_map(self.members.borrow(), |members| members[index].as_ref()).ok()
    }

    /// Changes a node, unless it is off.
    pub(crate) fn change(&self, index: usize, change: impl FnOnce(&mut Member)) {
        if self.nodes.server(index).is_some()
            && let Some(member) = self.members.borrow_mut()[index].as_mut()
        {
            change(member);
        }
    }

    /// Which start of a node it is; `None` while it is off.
    pub(crate) fn starts(&self, index: usize) -> Option<u32> {
        self.member(index).map(|member| member.starts)
    }

    /// Posts a message. `at`: the time since the start of the network.
    pub(crate) fn post(&self, new: NewPost, at: Duration) {
        let Some(member) = self.member(new.node) else { return };
        let place = {
            let mut posts = self.posts();
            posts.push(Posted::new(
                new,
                member.starts,
                at,
                clocks(&*member.world, &member.whisper),
            ));
            posts.len() - 1
        };
        if member.traits.uses_rpc {
            let receipt = posted::over_rpc(&member.rpc, &member.whisper, &member.key, new);
            let clocks = clocks(&*member.world, &member.whisper);
            self.posts()[place].handle_sealed(clocks, receipt);
            return;
        }
        let post = Post {
            topic: TOPICS[new.topic],
            ttl: new.ttl,
            payload: new.number.to_be_bytes().to_vec(),
            pow_target: 2.0 * MIN_WORK,
            pow_time: SEAL_TIME,
            ..Post::new(Recipient::Symmetric(member.key))
        };
        let (whisper, posts) = (member.whisper.clone(), Arc::clone(&self.posts));
        let world = Arc::clone(&member.world);
        member.world.spawn(Box::pin(async move {
            let receipt = whisper.post(post).await.map_err(|error| error.to_string());
            let clocks = clocks(&*world, &whisper);
            posts.lock().unwrap_or_else(PoisonError::into_inner)[place]
                .handle_sealed(clocks, receipt);
        }));
    }

    /// What was posted so far, in order.
    pub(crate) fn posts(&self) -> MutexGuard<'_, Vec<Posted>> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the messages that have come. Returns how many there were.
    ///
    /// # Errors
    ///
    /// A message came twice, or does not say when it was sent.
    pub(crate) fn receive(&self) -> Result<usize, String> {
        let mut count = 0;
        for (index, member) in self.members.borrow().iter().enumerate() {
            if self.nodes.server(index).is_some()
                && let Some(Member { inbox, whisper, runtime, .. }) = member
            {
                let _context = runtime.enter();
                let received = inbox.receive(whisper);
                let received = received.map_err(|text| format!("node {index} received {text}"))?;
                let posts = self.posts();
                received.iter().try_for_each(|(number, sent)| posts[*number].check_sent(*sent))?;
                count += received.len();
            }
        }
        Ok(count)
    }
}

/// The time by the clock of a machine and by the corrected one of its node, in seconds since 1970.
fn clocks(world: &dyn World, whisper: &Whisper) -> [u32; 2] {
    let time = world.unix_time().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    [seconds, seconds.saturating_add_signed(whisper.info().clock_correction)]
}

/// Starts Whisper on a node.
fn start(node: Node, traits: Traits, members: &RefCell<Vec<Option<Member>>>) -> Node {
    let (index, world) = (node.index(), node.world());
    let whisper = Whisper::new(config(traits, &world));
    let key = whisper.keys().add_symmetric(SymmetricKey::from_bytes([7; 32]));
    let topics = if traits.is_narrow { &TOPICS[..1] } else { &TOPICS };
    let spec = FilterSpec::new(FilterKey::Symmetric(key));
    let spec = topics.iter().fold(spec, |spec, topic| spec.topic(*topic));
    let inbox = Inbox::new(&whisper, spec, traits.watches.then_some(&*world));
    let rpc = OfflineRpc::new(whisper.clone()).expect("each method has its own name");
    let probe = Arc::new(Probe::default());
    let protocols = whisper.protocols();
    let starts = members.borrow()[index].as_ref().map_or(0, |member| member.starts + 1);
    let of_node = Arc::clone(&probe);
    let runtime = Handle::current();
    let member = Member { whisper, world, probe, rpc, traits, key, inbox, runtime, starts };
    let before = members.borrow_mut()[index].replace(member);
    drop(before);
    node.config(|config| {
        let config = config.protocols(protocols).name(CLIENT);
        if traits.has_probe { config.protocol(of_node.protocol()) } else { config }
    })
}

fn config(traits: Traits, world: &Arc<dyn World>) -> Config {
    let mut config = Config {
        min_work: Work::new(MIN_WORK).unwrap_or_default(),
        ..Config::simulated(Arc::clone(world))
    };
    if traits.is_narrow {
        config.interest = Interest::Filters;
    }
    if traits.has_small_queue {
        let broadcast = QueueLimits { items: 4, bytes: 1 << 20 };
        config.queues = QueueSettings { broadcast, ..config.queues };
    }
    config
}

/// The host of a node.
pub(crate) fn host(index: usize) -> HostId {
    HostId(u32::try_from(index).unwrap_or(u32::MAX))
}

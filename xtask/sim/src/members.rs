//! The nodes of a run: each with Whisper and an application that wants every message.

use std::{
    cell::{Ref, RefCell},
    collections::BTreeSet,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use p2p_sim::{HostId, Network, Node, Nodes};
use p2p_world::World;
use whisper_protocol::{
    Config, Ending, FilterId, FilterKey, FilterSpec, KeyId, Post, Receipt, ReceiptState, Recipient,
    SymmetricKey, Topic, Whisper, Work,
};

/// The topic of all messages.
const TOPIC: Topic = Topic(*b"simu");

/// The time to live of all messages, in seconds.
pub(crate) const TTL: u32 = 120;

/// The work that a node requires: found at once.
const MIN_WORK: f64 = 0.001;

/// A node as it runs since its last start.
pub(crate) struct Member {
    whisper: Whisper,
    world: Arc<dyn World>,
    filter: FilterId,
    key: KeyId,
    /// The numbers of the messages that it has received since its start.
    pub(crate) received: BTreeSet<u64>,
    /// How often it was started.
    pub(crate) starts: u32,
}

/// A message that was posted.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    pub(crate) number: u64,
    pub(crate) node: usize,
    /// The start of the node, as [`Member::starts`].
    pub(crate) start: u32,
    /// When, since the start of the network.
    pub(crate) at: Duration,
    /// `None` until it is sealed; an error if it was refused here.
    pub(crate) receipt: Option<Result<Receipt, String>>,
}

/// All nodes, and what they have posted.
#[derive(Clone)]
pub(crate) struct Members {
    pub(crate) nodes: Nodes,
    members: Rc<RefCell<Vec<Option<Member>>>>,
    posts: Arc<Mutex<Vec<Posted>>>,
}

impl Members {
    /// Adds the nodes to the network.
    pub(crate) fn new(network: &mut Network, count: usize, degree: usize) -> Self {
        let members = Rc::new(RefCell::new(Vec::new()));
        members.borrow_mut().resize_with(count, || None);
        let of_nodes = Rc::clone(&members);
        let nodes = Nodes::new(network, count, degree, move |node| start(node, &of_nodes));
        Self { nodes, members, posts: Arc::default() }
    }

    /// A node, unless it is off.
    pub(crate) fn member(&self, index: usize) -> Option<Ref<'_, Member>> {
        self.nodes.server(index)?;
        Ref::filter_map(self.members.borrow(), |members| members[index].as_ref()).ok()
    }

    /// Posts a message with this number.
    pub(crate) fn post(&self, index: usize, number: u64, at: Duration) {
        let Some(member) = self.member(index) else { return };
        let posted = Posted { number, node: index, start: member.starts, at, receipt: None };
        let place = {
            let mut posts = self.posts();
            posts.push(posted);
            posts.len() - 1
        };
        let post = Post {
            topic: TOPIC,
            ttl: TTL,
            payload: number.to_be_bytes().to_vec(),
            pow_target: 2.0 * MIN_WORK,
            ..Post::new(Recipient::Symmetric(member.key))
        };
        let (whisper, posts) = (member.whisper.clone(), Arc::clone(&self.posts));
        member.world.spawn(Box::pin(async move {
            let receipt = whisper.post(post).await.map_err(|error| error.to_string());
            posts.lock().unwrap_or_else(PoisonError::into_inner)[place].receipt = Some(receipt);
        }));
    }

    /// What was posted so far, in order.
    pub(crate) fn posts(&self) -> MutexGuard<'_, Vec<Posted>> {
        self.posts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the messages from the mailboxes. Returns how many there were.
    ///
    /// # Errors
    ///
    /// A message came twice.
    pub(crate) fn receive(&self) -> Result<usize, String> {
        let mut count = 0;
        for (index, member) in self.members.borrow_mut().iter_mut().enumerate() {
            let Some(member) = member.as_mut().filter(|_| self.nodes.server(index).is_some())
            else {
                continue;
            };
            for message in member.whisper.take_messages(&member.filter).unwrap_or_default() {
                let payload =
                    message.message.payload[..].try_into().map_err(|_| "a strange payload")?;
                let number = u64::from_be_bytes(payload);
                if !member.received.insert(number) {
                    return Err(format!("node {index} received message {number} twice"));
                }
                count += 1;
            }
        }
        Ok(count)
    }
}

/// Starts Whisper on a node.
fn start(node: Node, members: &RefCell<Vec<Option<Member>>>) -> Node {
    let (index, world) = (node.index(), node.world());
    let min_work = Work::new(MIN_WORK).unwrap_or_default();
    let whisper = Whisper::new(Config { min_work, ..Config::simulated(Arc::clone(&world)) });
    let key = whisper.keys().add_symmetric(SymmetricKey::from_bytes([7; 32]));
    let spec = FilterSpec::new(FilterKey::Symmetric(key)).topic(TOPIC);
    let filter = whisper.subscribe(spec).expect("the key is there");
    let protocols = whisper.protocols();
    let starts = members.borrow()[index].as_ref().map_or(0, |member| member.starts + 1);
    let member = Member { whisper, world, filter, key, received: BTreeSet::new(), starts };
    let before = members.borrow_mut()[index].replace(member);
    drop(before);
    node.config(|config| config.protocols(protocols))
}

/// The name of the end of a post; `None` while it has none.
pub(crate) fn ending(posted: &Posted) -> Option<&'static str> {
    match &posted.receipt {
        None => None,
        Some(Err(_)) => Some("refused here"),
        Some(Ok(receipt)) => match receipt.state() {
            ReceiptState::Pending(_) => None,
            ReceiptState::Ended(ending) => Some(match ending {
                Ending::Delivered { .. } => "delivered",
                Ending::Refused { .. } | Ending::Left { .. } => "refused",
                Ending::Expired { .. } | Ending::Evicted { .. } => "expired",
                Ending::Unsent(_) => "unsent",
                Ending::Untracked | Ending::Stopped => "unknown",
            }),
        },
    }
}

/// The host of a node.
pub(crate) fn host(index: usize) -> HostId {
    HostId(u32::try_from(index).unwrap_or(u32::MAX))
}

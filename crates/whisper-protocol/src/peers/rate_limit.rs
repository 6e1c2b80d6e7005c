//! How much peers may send per second.
//!
//! Counted is what status-im's nodes count and announce: packets of the sub-protocol, whatever they contain
//! ("messages"); and bytes, so that the size of packets is limited too. `now` is the time since a fixed moment.

pub(crate) mod bucket;

use std::{
    fmt,
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use p2p_identity::{NodeId, host_prefix};
use p2p_world::HashMap;

use crate::{
    lock::{lock, read, write},
    peers::rate_limit::bucket::{BURST, Bucket, inflow},
    wire::packet::Rates,
};

/// The time in which the tolerance for a peer that exceeds its limits is restored.
const TOLERANCE_REFILL: Duration = Duration::from_secs(60);

/// Maximum number of senders with an account of their own. Beyond that, new senders share one account. This limits
/// memory; it is no protection for honest senders from one that uses many addresses.
const MAX_ACCOUNTS: usize = 16_384;

/// How often accounts of quiet senders are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Maxima per second; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// Packets of the sub-protocol, of any kind.
    pub messages: Option<NonZeroU32>,
    /// Bytes of these packets, decompressed. A packet is accepted while any bytes of the second are left, and what it
    /// takes beyond them is missing afterwards: so a packet larger than the limit is accepted, too.
    pub bytes: Option<NonZeroU32>,
}

impl Rate {
    fn is_limited(&self) -> bool {
        self.messages.is_some() || self.bytes.is_some()
    }
}

/// A test on IP addresses, such as membership in a list of networks. The default matches no address.
#[derive(Clone, Default)]
pub struct AddressFilter(Option<Arc<dyn Fn(IpAddr) -> bool + Send + Sync>>);

impl AddressFilter {
    /// A filter that matches the addresses for which `test` returns true. `test` gets an IPv4 address that is written in IPv6
    /// (`::ffff:10.0.0.1`) as IPv4.
    pub fn new(test: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(test)))
    }

    /// Whether the filter matches this address.
    #[must_use]
    pub fn matches(&self, ip: IpAddr) -> bool {
        self.0.as_ref().is_some_and(|test| test(ip.to_canonical()))
    }
}

/// Two filters are equal if they share one test or match nothing.
impl PartialEq for AddressFilter {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for AddressFilter {}

impl fmt::Debug for AddressFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AddressFilter").field(&self.0.is_some()).finish()
    }
}

/// Limits on what peers send. Default: none, as in go-ethereum.
///
/// The limits on messages are announced to the peers in status-im's form; peers that know it stay within them. A packet
/// beyond the limits is dropped. Its content is lost for this node unless another peer sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimits {
    /// The limit of one peer. It applies to the node id: a new connection does not reset it.
    pub peer: Rate,
    /// The limit of all peers of one IP address together; for IPv6, of one /64 network.
    pub ip: Rate,
    /// Number of packets beyond its limits that a peer may send within a minute before it is disconnected; `None`: it is
    /// never disconnected. Default 100.
    pub tolerance: Option<u32>,
    /// Peers without limits.
    pub exempt: Vec<NodeId>,
    /// Addresses whose peers have no limits.
    pub exempt_addresses: AddressFilter,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            peer: Rate::default(),
            ip: Rate::default(),
            tolerance: Some(100),
            exempt: Vec::new(),
            exempt_addresses: AddressFilter::default(),
        }
    }
}

impl RateLimits {
    fn is_limited(&self) -> bool {
        self.peer.is_limited() || self.ip.is_limited()
    }

    /// Whether any limit applies to a peer of this id and address.
    fn apply_to(&self, id: &NodeId, ip: Option<IpAddr>) -> bool {
        self.is_limited()
            && !self.exempt.contains(id)
            && !ip.is_some_and(|ip| self.exempt_addresses.matches(ip))
    }

    /// The limits as they are announced to the peers.
    pub(crate) fn announced(&self) -> Option<Rates> {
        let per_second = |rate: &Rate| rate.messages.map_or(0, |limit| limit.get().into());
        let rates =
            Rates { per_ip: per_second(&self.ip), per_peer: per_second(&self.peer), per_topic: 0 };
        (rates != Rates::default()).then_some(rates)
    }
}

/// Which limit a packet exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitScope {
    Peer,
    Ip,
}

/// A packet exceeded a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Excess {
    pub(crate) scope: LimitScope,
    /// Whether the tolerance of the peer is used up.
    pub(crate) intolerable: bool,
}

/// What one sender has left.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    messages: Bucket,
    bytes: Bucket,
    /// How often the sender may still exceed its limits.
    tolerance: Bucket,
}

impl Account {
    /// Whether there is room for a whole message, and for any bytes at all.
    fn has_room(&self, now: Duration, rate: &Rate) -> bool {
        let has_message = |limit: NonZeroU32| {
            self.messages.missing(now) + inflow(1, limit.get().into(), BURST) <= BURST
        };
        rate.messages.is_none_or(has_message)
            && (rate.bytes.is_none() || !self.bytes.is_empty(now, BURST))
    }

    fn charge(&mut self, now: Duration, rate: &Rate, bytes: usize) {
        if let Some(limit) = rate.messages {
            self.messages.take(now, inflow(1, limit.get().into(), BURST));
        }
        if let Some(limit) = rate.bytes {
            self.bytes.take(now, inflow(bytes as u64, limit.get().into(), BURST));
        }
    }

    /// Counts a packet beyond the limits. Returns whether the tolerance was used up before.
    fn exceed(&mut self, now: Duration, tolerance: Option<u32>) -> bool {
        let Some(limit) = tolerance else { return false };
        let intolerable = limit == 0 || self.tolerance.is_empty(now, TOLERANCE_REFILL);
        self.tolerance.take(now, inflow(1, limit.into(), TOLERANCE_REFILL));
        intolerable
    }

    /// Whether a new account would be the same.
    fn is_full(&self, now: Duration) -> bool {
        [&self.messages, &self.bytes, &self.tolerance].iter().all(|it| it.missing(now).is_zero())
    }
}

/// The accounts of senders. Full ones are removed, because they equal new ones.
#[derive(Debug)]
struct Accounts<K> {
    held: HashMap<K, Account>,
    /// The account of all senders for which there is no room.
    shared: Account,
    next_sweep: Duration,
}

impl<K> Default for Accounts<K> {
    fn default() -> Self {
        Self { held: HashMap::default(), shared: Account::default(), next_sweep: Duration::ZERO }
    }
}

impl<K: Hash + Eq> Accounts<K> {
    fn of(&mut self, now: Duration, key: K) -> &mut Account {
        if now >= self.next_sweep {
            self.next_sweep = now.saturating_add(SWEEP_INTERVAL);
            self.held.retain(|_, account| !account.is_full(now));
        }
        if self.held.len() >= MAX_ACCOUNTS && !self.held.contains_key(&key) {
            return &mut self.shared;
        }
        self.held.entry(key).or_default()
    }
}

#[derive(Debug, Default)]
struct AllAccounts {
    peers: Accounts<NodeId>,
    ips: Accounts<IpAddr>,
}

/// Applies the limits to the peers' packets.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    /// Whether there is any limit: read for every packet.
    is_limited: AtomicBool,
    limits: RwLock<Arc<RateLimits>>,
    accounts: Mutex<AllAccounts>,
}

impl RateLimiter {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self {
            is_limited: AtomicBool::new(limits.is_limited()),
            limits: RwLock::new(Arc::new(limits)),
            accounts: Mutex::default(),
        }
    }

    /// Replaces the limits. What a sender has used of the old ones counts for the new ones.
    pub(crate) fn set(&self, limits: RateLimits) {
        let is_limited = limits.is_limited();
        *write(&self.limits) = Arc::new(limits);
        self.is_limited.store(is_limited, Ordering::Relaxed);
    }

    /// A packet of `bytes` bytes arrived. It is charged only if it is within the limits.
    pub(crate) fn handle_packet(
        &self,
        now: Duration,
        id: &NodeId,
        ip: Option<IpAddr>,
        bytes: usize,
    ) -> Result<(), Excess> {
        if !self.is_limited.load(Ordering::Relaxed) {
            return Ok(());
        }
        let limits = Arc::clone(&*read(&self.limits));
        if !limits.apply_to(id, ip) {
            return Ok(());
        }
        let mut accounts = lock(&self.accounts);
        let AllAccounts { peers, ips } = &mut *accounts;
        let peer = peers.of(now, *id);
        let mut network = ip.map(|ip| ips.of(now, host_prefix(ip)));
        let scope = if !peer.has_room(now, &limits.peer) {
            LimitScope::Peer
        } else if network.as_ref().is_some_and(|account| !account.has_room(now, &limits.ip)) {
            LimitScope::Ip
        } else {
            peer.charge(now, &limits.peer, bytes);
            if let Some(account) = &mut network {
                account.charge(now, &limits.ip, bytes);
            }
            return Ok(());
        };
        Err(Excess { scope, intolerable: peer.exceed(now, limits.tolerance) })
    }
}

#[cfg(test)]
mod tests;

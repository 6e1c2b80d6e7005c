//! How much a peer may send per second, and how much it is sent: token buckets, without a clock of
//! their own.
//!
//! `now` is the time since some moment that stays the same. What is counted is what status-im's
//! nodes count and announce: packets of the sub-protocol, whatever is in them ("messages"); and
//! bytes, so that a packet cannot be of any size.

use std::{
    collections::HashMap, fmt, hash::Hash, net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration,
};

use p2p_identity::{NodeId, host_prefix};

use crate::wire::packet::Rates;

/// How much a bucket holds: what flows into it in this time.
const BURST: Duration = Duration::from_secs(1);

/// How long the tolerance for a peer that exceeds its limits takes to be whole again.
const FORGIVEN: Duration = Duration::from_secs(60);

/// How many senders are told apart. Beyond it, newcomers share one account: a bound on memory that
/// does not help those who come with ever new addresses.
const ACCOUNTS: usize = 16_384;

/// How often accounts of senders that were quiet are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// The most that is taken per second; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// Packets of the sub-protocol, of any kind.
    pub messages: Option<NonZeroU32>,
    /// Their bytes, decompressed. A packet passes while anything is left of the second's bytes, and
    /// what it takes beyond that is missing afterwards: so one larger than the limit passes, too.
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
    /// A filter that matches the addresses for which `test` returns true. `test` gets an IPv4 address that is
    /// written in IPv6 (`::ffff:10.0.0.1`) as IPv4.
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
/// The limits on messages are announced to the peers in status-im's form, so that those which know
/// it keep to them. A packet beyond the limits is dropped, and what was in it is lost for this node
/// unless another peer brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimits {
    /// What one peer may send. It is known by its node id: a new connection is no new account.
    pub peer: Rate,
    /// What all peers of one IP address may send together, of one /64 network for IPv6.
    pub ip: Rate,
    /// How many packets beyond its limits a peer may send within a minute before it is
    /// disconnected; `None`: it never is. Default 100.
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
    /// Whether a peer of this id and address is limited at all.
    pub(crate) fn apply_to(&self, id: &NodeId, ip: Option<IpAddr>) -> bool {
        (self.peer.is_limited() || self.ip.is_limited())
            && !self.exempt.contains(id)
            && !ip.is_some_and(|ip| self.exempt_addresses.matches(ip))
    }

    /// What is told to the peers.
    pub(crate) fn announced(&self) -> Option<Rates> {
        let per_second = |rate: &Rate| rate.messages.map_or(0, |most| most.get().into());
        let rates =
            Rates { per_ip: per_second(&self.ip), per_peer: per_second(&self.peer), per_topic: 0 };
        (rates != Rates::default()).then_some(rates)
    }
}

/// Which limit a packet was beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Peer,
    Ip,
}

/// A packet was beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Excess {
    pub(crate) whose: Whose,
    /// It was one too many: the tolerance is used up.
    pub(crate) intolerable: bool,
}

/// A bucket that is emptied by what passes and fills up at a constant rate: kept as the moment at
/// which it will be full again, which is all there is to know.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    full_at: Duration,
}

impl Bucket {
    /// How long it takes to be full.
    fn missing(&self, now: Duration) -> Duration {
        self.full_at.saturating_sub(now)
    }

    fn is_empty(&self, now: Duration, burst: Duration) -> bool {
        self.missing(now) >= burst
    }

    /// Takes out what flows in within `time`. More than there is leaves a debt.
    fn take(&mut self, now: Duration, time: Duration) {
        self.full_at = self.full_at.max(now).saturating_add(time);
    }
}

/// The time in which `amount` flows in, at so much `per` time; rounded down, so that as many pieces
/// as the rate says fit into that time.
fn inflow(amount: u64, rate: u64, per: Duration) -> Duration {
    let nanos = u128::from(amount) * per.as_nanos();
    let nanos = nanos / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// What one sender has left.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    messages: Bucket,
    bytes: Bucket,
    /// How much more it may exceed its limits.
    tolerance: Bucket,
}

impl Account {
    /// Whether there is room for a whole message, and for any bytes at all.
    fn has_room(&self, now: Duration, rate: &Rate) -> bool {
        let a_message = |most: NonZeroU32| {
            self.messages.missing(now) + inflow(1, most.get().into(), BURST) <= BURST
        };
        rate.messages.is_none_or(a_message)
            && (rate.bytes.is_none() || !self.bytes.is_empty(now, BURST))
    }

    fn charge(&mut self, now: Duration, rate: &Rate, bytes: usize) {
        if let Some(most) = rate.messages {
            self.messages.take(now, inflow(1, most.get().into(), BURST));
        }
        if let Some(most) = rate.bytes {
            self.bytes.take(now, inflow(bytes as u64, most.get().into(), BURST));
        }
    }

    /// Whether one more packet beyond the limits is one too many.
    fn exceed(&mut self, now: Duration, tolerance: Option<u32>) -> bool {
        let Some(most) = tolerance else { return false };
        let intolerable = most == 0 || self.tolerance.is_empty(now, FORGIVEN);
        self.tolerance.take(now, inflow(1, most.into(), FORGIVEN));
        intolerable
    }

    /// Whether nothing is lost by forgetting it.
    fn is_whole(&self, now: Duration) -> bool {
        [&self.messages, &self.bytes, &self.tolerance].iter().all(|it| it.missing(now).is_zero())
    }
}

/// The accounts of senders, bounded: one that is whole is as good as none.
#[derive(Debug)]
struct Accounts<K> {
    held: HashMap<K, Account>,
    /// Of all those for whom there was no room.
    common: Account,
    next_sweep: Duration,
}

impl<K> Default for Accounts<K> {
    fn default() -> Self {
        Self { held: HashMap::new(), common: Account::default(), next_sweep: Duration::ZERO }
    }
}

impl<K: Hash + Eq> Accounts<K> {
    fn of(&mut self, now: Duration, key: K) -> &mut Account {
        if now >= self.next_sweep {
            self.next_sweep = now.saturating_add(SWEEP);
            self.held.retain(|_, account| !account.is_whole(now));
        }
        if self.held.len() >= ACCOUNTS && !self.held.contains_key(&key) {
            return &mut self.common;
        }
        self.held.entry(key).or_default()
    }
}

/// Keeps the peers to the limits.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    peers: Accounts<NodeId>,
    ips: Accounts<IpAddr>,
}

impl Limiter {
    /// A packet of so many bytes came in. It is counted if it is within the limits: what is dropped
    /// takes nothing from what is left.
    pub(crate) fn handle_packet(
        &mut self,
        now: Duration,
        limits: &RateLimits,
        id: &NodeId,
        ip: Option<IpAddr>,
        bytes: usize,
    ) -> Result<(), Excess> {
        let peer = self.peers.of(now, *id);
        let mut network = ip.map(|ip| self.ips.of(now, host_prefix(ip)));
        let whose = if !peer.has_room(now, &limits.peer) {
            Whose::Peer
        } else if network.as_ref().is_some_and(|account| !account.has_room(now, &limits.ip)) {
            Whose::Ip
        } else {
            peer.charge(now, &limits.peer, bytes);
            if let Some(account) = &mut network {
                account.charge(now, &limits.ip, bytes);
            }
            return Ok(());
        };
        Err(Excess { whose, intolerable: peer.exceed(now, limits.tolerance) })
    }
}

/// Keeps this node to what a peer wants to be sent.
///
/// A little below it, and with half of the burst: clocks differ, and what waited on the way arrives
/// together.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Packets per second; 0 is no limit.
    most: u64,
    sent: Bucket,
}

impl Pace {
    /// The peer announced what it takes. Its limit on one topic is not kept to: nobody is known to
    /// enforce it.
    pub(crate) fn set(&mut self, rates: &Rates) {
        let limits = [rates.per_ip, rates.per_peer].into_iter().filter(|most| *most > 0);
        self.most = limits.min().unwrap_or(0);
    }

    /// How long to wait before the next packet of envelopes.
    pub(crate) fn wait(&self, now: Duration) -> Duration {
        if self.most == 0 {
            return Duration::ZERO;
        }
        self.sent.missing(now).saturating_sub((BURST / 2).saturating_sub(self.each()))
    }

    /// A packet of any kind was sent.
    pub(crate) fn handle_sent(&mut self, now: Duration) {
        // What cannot wait, such as an acknowledgement, may lead to a debt, but not to one without end.
        if self.most > 0 && self.sent.missing(now) < 2 * BURST {
            self.sent.take(now, self.each());
        }
    }

    /// The time that one packet takes up, at nine tenths of the limit.
    fn each(&self) -> Duration {
        inflow(10, self.most.saturating_mul(9), BURST)
    }
}

#[cfg(test)]
mod tests;

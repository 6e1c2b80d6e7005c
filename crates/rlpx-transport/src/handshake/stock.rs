//! Parts of a handshake that are computed in advance.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use p2p_identity::{NodeId, PublicKey, SecretKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::curve;

/// The shared secret of two static keys. In an `Arc`, so that it is in memory once.
type StaticSecret = Arc<Zeroizing<[u8; 32]>>;

/// Capacity of a [`Stock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockSize {
    /// Maximum number of ephemeral keys; 32 by default. Each side of a handshake takes two. 0: no keys are made in
    /// advance.
    pub keys: usize,
    /// Maximum number of peers with a stored shared secret of the static keys; 1024 by default, about 200 bytes
    /// each. 0: no secrets are stored.
    pub peers: usize,
}

impl Default for StockSize {
    fn default() -> Self {
        Self { keys: 32, peers: 1024 }
    }
}

/// A store that makes handshakes cheaper: ephemeral keys made in advance, and the shared secrets of the
/// node's static key with those of known peers. Optional; clones share one stock.
///
/// With both, one side saves two key generations and one of its four multiplications on the curve, a third
/// of its time. The owner calls [`refill`](Self::refill) when the node is idle: the stock does nothing by
/// itself, and a handshake computes what it does not find.
///
/// ```
/// use bytes::BytesMut;
/// use p2p_identity::SecretKey;
/// use rlpx_transport::{HandshakeStep, Initiator, Recipient, SecSettings, Stock, StockSize};
///
/// let mut rng = rand::rng();
/// let (local, remote) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
/// let stock = Stock::new(&local, StockSize::default());
/// stock.learn(&remote.public_key()); // for example a static node, which is dialed repeatedly
/// stock.refill(usize::MAX, &mut rng); // while the node is idle
///
/// let (peer, sec) = (remote.public_key(), SecSettings::default());
/// let (initiator, auth) = Initiator::start_with(&stock, &peer, &sec, &mut rng)?;
/// # let mut received = BytesMut::from(&auth[..]);
/// # let HandshakeStep::Done(accepted) = Recipient::new(&remote).handle(&mut received, &mut rng)? else { panic!() };
/// # assert_eq!(accepted.session.remote, local.id());
/// # assert!(matches!(initiator.handle(&mut BytesMut::from(&accepted.ack[..]))?, HandshakeStep::Done(_)));
/// # Ok::<_, rlpx_transport::HandshakeError>(())
/// ```
///
/// # Effect on secrecy
///
/// None, against attackers who cannot read the memory of this process:
///
/// - The shared secret is a function of the node key and the peer's public key. An attacker who can read it
///   here can also read the node key and compute it. No session key is derived from it: it is only part of
///   what the initiator signs. It is stored in memory only, and wiped when it is removed.
/// - An ephemeral key has the same distribution whenever it is made. Forward secrecy needs that it is used
///   for one handshake, never written to disk, and wiped afterwards. So a key is removed from the stock when it
///   is taken, it cannot be read or put back, it stays at one place in memory until it is wiped, and a stock
///   cannot be serialized.
///
/// An attacker who reads the memory of a running node once has the node key and every open session in any
/// case. With a stock, the attacker can also decrypt the next connections, those whose keys are already made:
/// half of [`StockSize::keys`]. Keep the stock as small as the bursts that it serves.
///
/// Only peers that the owner chooses are [learned](Self::learn). A hostile peer can neither fill the stock
/// nor evict other peers. It can use up keys, two for each handshake that it starts; handshakes then cost as
/// much as without a stock.
#[derive(Clone)]
pub struct Stock(Arc<StockContents>);

struct StockContents {
    local: SecretKey,
    size: StockSize,
    /// In boxes: a key that is moved would leave a copy of its bytes behind.
    #[expect(clippy::vec_box, reason = "a key that moves would leave a copy behind")]
    keys: Mutex<Vec<Box<SecretKey>>>,
    known: Mutex<Known>,
}

/// Shared secrets by node, each with the count of uses at its last use.
#[derive(Default)]
struct Known {
    secrets: BTreeMap<NodeId, (StaticSecret, u64)>,
    uses: u64,
}

impl Stock {
    /// An empty stock for the node with the key `local`.
    #[must_use]
    pub fn new(local: &SecretKey, size: StockSize) -> Self {
        let keys = Mutex::new(Vec::new());
        Self(Arc::new(StockContents { local: local.clone(), size, keys, known: Mutex::default() }))
    }

    /// Makes up to `most` ephemeral keys while there is room. Returns the number of keys made; 0 means that the
    /// stock is full. Each costs one key generation, about 20 µs.
    ///
    /// `rng` as in [`Initiator::start`](crate::Initiator::start).
    pub fn refill(&self, most: usize, rng: &mut (impl CryptoRng + ?Sized)) -> usize {
        let mut made = 0;
        while made < most && self.keys() < self.0.size.keys {
            // Made before the lock is taken, so that no handshake waits for it.
            let key = Box::new(curve::new_key(rng));
            let mut keys = lock(&self.0.keys);
            if keys.len() >= self.0.size.keys {
                break; // another thread refilled it
            }
            keys.push(key);
            made += 1;
        }
        made
    }

    /// Number of ephemeral keys in the stock.
    #[must_use]
    pub fn keys(&self) -> usize {
        lock(&self.0.keys).len()
    }

    /// Stores the shared secret of this peer. Costs one multiplication on the curve, unless it is already
    /// stored. If the stock is full, the least recently used peer is removed.
    ///
    /// For peers that will connect again: static nodes, and peers that proved their identity by a first
    /// frame.
    pub fn learn(&self, peer: &PublicKey) {
        let id = peer.id();
        if self.0.size.peers == 0 || self.is_known(&id) {
            return;
        }
        let secret = Arc::new(curve::agree(&self.0.local, peer));
        lock(&self.0.known).insert(id, secret, self.0.size.peers);
    }

    /// Removes and wipes the secret of this peer.
    pub fn forget(&self, peer: &NodeId) {
        lock(&self.0.known).secrets.remove(peer);
    }

    /// Whether the secret of this peer is stored.
    #[must_use]
    pub fn is_known(&self, peer: &NodeId) -> bool {
        lock(&self.0.known).secrets.contains_key(peer)
    }

    pub(super) fn local(&self) -> &SecretKey {
        &self.0.local
    }

    pub(super) fn take_key(&self) -> Option<Box<SecretKey>> {
        lock(&self.0.keys).pop()
    }

    pub(super) fn secret(&self, peer: &NodeId) -> Option<StaticSecret> {
        lock(&self.0.known).find(peer)
    }
}

impl Known {
    fn find(&mut self, peer: &NodeId) -> Option<StaticSecret> {
        let (secret, used) = self.secrets.get_mut(peer)?;
        self.uses += 1;
        *used = self.uses;
        Some(Arc::clone(secret))
    }

    fn insert(&mut self, peer: NodeId, secret: StaticSecret, room: usize) {
        if self.secrets.len() >= room && !self.secrets.contains_key(&peer) {
            // A scan is cheap compared to the multiplication that computed the secret.
            let oldest = self.secrets.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(peer, _)| *peer) {
                self.secrets.remove(&oldest);
            }
        }
        self.uses += 1;
        self.secrets.insert(peer, (secret, self.uses));
    }
}

impl fmt::Debug for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = lock(&self.0.known).secrets.len();
        f.debug_struct("Stock").field("keys", &self.keys()).field("known", &known).finish()
    }
}

/// Poisoning is ignored: the data is consistent after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

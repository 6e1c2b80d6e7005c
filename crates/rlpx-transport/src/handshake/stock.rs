//! Work of a handshake that is done before the peer is there.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use p2p_identity::{NodeId, PublicKey, SecretKey};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// The secret of two static keys. Shared rather than copied, so that it is in memory once.
type StaticSecret = Arc<Zeroizing<[u8; 32]>>;

/// How much a [`Stock`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockSize {
    /// Ephemeral keys; 32 unless set. A handshake takes two at each end. 0: none are made ahead.
    pub keys: usize,
    /// Peers whose static–static secret is kept; 1024 unless set, some 200 bytes each. 0: of none.
    pub peers: usize,
}

impl Default for StockSize {
    fn default() -> Self {
        Self { keys: 32, peers: 1024 }
    }
}

/// What a node keeps so that its handshakes cost less: ephemeral keys made ahead, and the
/// static–static secret of peers that it knows. Optional; a handle, whose clones share one stock.
///
/// With both, an end is spared two key generations and one of its four multiplications on the curve
/// (a third of its time). Whoever owns the stock fills it when there is nothing else to do:
/// nothing happens by itself, and a handshake that finds it empty makes what it needs.
///
/// ```
/// use bytes::BytesMut;
/// use p2p_identity::SecretKey;
/// use rlpx_transport::{Initiator, Recipient, Step, Stock, StockSize};
///
/// let mut rng = rand::rng();
/// let (local, remote) = (SecretKey::random(&mut rng), SecretKey::random(&mut rng));
/// let stock = Stock::new(&local, StockSize::default());
/// stock.learn(&remote.public_key()); // a static peer, say: we will dial it again and again
/// stock.refill(usize::MAX, &mut rng); // we are idle
///
/// let (initiator, auth) = Initiator::start_with(&stock, &remote.public_key(), &mut rng);
/// # let mut received = BytesMut::from(&auth[..]);
/// # let Step::Done(accepted) = Recipient::new(&remote).handle(&mut received, &mut rng)? else { panic!() };
/// # assert_eq!(accepted.session.remote, local.id());
/// # assert!(matches!(initiator.handle(&mut BytesMut::from(&accepted.ack[..]))?, Step::Done(_)));
/// # Ok::<_, rlpx_transport::HandshakeError>(())
/// ```
///
/// # What it costs in secrecy
///
/// Nothing, against anyone who cannot read the memory of this process:
///
/// - The static–static secret is a pure function of our node key and of the peer's public key.
///   Whoever could read it here could read the node key beside it and compute it. No session key is
///   derived from it: it only hides in what the initiator signs. It is kept in memory alone and
///   wiped when it is forgotten.
/// - An ephemeral key has the same distribution whenever it is made. What forward secrecy asks is
///   that it is used for one handshake, is never written down, and is wiped afterwards. So a key
///   leaves the stock when it is taken, there is no way to look at one or to put one back, it stays
///   at one place in memory until it is wiped there, and a stock cannot be stored or read.
///
/// Somebody who once reads the memory of a running node has the node key and every open session in
/// any case. With a stock he could, in addition, read the connections whose keys were already made:
/// half as many as [`StockSize::keys`]. Keep it as small as the bursts that it is for.
///
/// Only the peers that the owner names are [learned](Self::learn), never those that merely come: a
/// hostile peer can neither fill the stock nor push anybody out of it. It can take keys, two for
/// each handshake that it begins; they are gone, and then handshakes cost what they cost without.
#[derive(Clone)]
pub struct Stock(Arc<Shared>);

struct Shared {
    local: SecretKey,
    size: StockSize,
    /// In boxes: a key that is moved leaves its bytes where it was.
    #[expect(clippy::vec_box, reason = "a key that moves would leave a copy behind")]
    keys: Mutex<Vec<Box<SecretKey>>>,
    known: Mutex<Known>,
}

/// Static–static secrets by node, with when each was last used.
#[derive(Default)]
struct Known {
    secrets: HashMap<NodeId, (StaticSecret, u64)>,
    uses: u64,
}

impl Stock {
    /// An empty stock for the node whose key is `local`.
    #[must_use]
    pub fn new(local: &SecretKey, size: StockSize) -> Self {
        let keys = Mutex::new(Vec::new());
        Self(Arc::new(Shared { local: local.clone(), size, keys, known: Mutex::default() }))
    }

    /// Makes up to `most` ephemeral keys, as long as there is room, and says how many it made: with
    /// 0 the stock is full. Each costs one key generation, some 20 µs.
    ///
    /// `rng` as in [`Initiator::start`](crate::Initiator::start).
    pub fn refill(&self, most: usize, rng: &mut (impl CryptoRng + ?Sized)) -> usize {
        let mut made = 0;
        while made < most && self.keys() < self.0.size.keys {
            // Made before the lock is taken: a handshake never waits for it.
            let key = Box::new(SecretKey::random(rng));
            let mut keys = lock(&self.0.keys);
            if keys.len() >= self.0.size.keys {
                break; // somebody else was refilling, too
            }
            keys.push(key);
            made += 1;
        }
        made
    }

    /// How many ephemeral keys there are.
    #[must_use]
    pub fn keys(&self) -> usize {
        lock(&self.0.keys).len()
    }

    /// Keeps the static–static secret of this peer. Costs one multiplication on the curve, unless
    /// it is there already. Where there is no room, the peer that has not been used for longest is
    /// forgotten.
    ///
    /// For peers with which there will be more handshakes: static ones, and those that have proved
    /// who they are by a first frame.
    pub fn learn(&self, peer: &PublicKey) {
        let id = peer.id();
        if self.0.size.peers == 0 || self.is_known(&id) {
            return;
        }
        let secret = Arc::new(self.0.local.ecdh(peer));
        lock(&self.0.known).insert(id, secret, self.0.size.peers);
    }

    /// Wipes the secret of this peer.
    pub fn forget(&self, peer: &NodeId) {
        lock(&self.0.known).secrets.remove(peer);
    }

    /// Whether the secret of this peer is there.
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
            // A scan is cheap beside the multiplication that has just made the secret.
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

/// What is inside is whole between any two statements, so a thread that panicked broke nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

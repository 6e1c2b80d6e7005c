//! The keys: from the shared secrets to the key of each record.
//!
//! ```text
//! salt     = SHA-256("devp2p sec/1" ‖ initiator id ‖ recipient id ‖ SHA-256(auth) ‖ SHA-256(ack))
//! prk      = HKDF-Extract(salt, RLPx ephemeral secret ‖ X25519 secret ‖ ML-KEM secret)
//! secret 0 = HKDF-Expand(prk, "sec/1 initiator" or "sec/1 recipient", 32): one for each direction
//! key, iv  = HKDF-Expand(secret n, "sec/1 key", 32), HKDF-Expand(secret n, "sec/1 iv", 12)
//! secret n + 1 = HKDF-Expand(secret n, "sec/1 next", 32), after 2^20 records
//! ```

use p2p_identity::NodeId;
use zeroize::Zeroizing;

use super::Suite;
use super::library::{Library, RecordKey};
use super::secrets::{Secret, SharedSecrets};

/// Records that are sealed with one key: at most 16 GiB, far below the limits of both algorithms.
pub(super) const RECORDS_PER_KEY: u32 = 1 << 20;

/// What the keys are bound to.
pub(crate) struct Transcript<'a> {
    pub(crate) initiator: NodeId,
    pub(crate) recipient: NodeId,
    /// The packets as sent, with their size prefix.
    pub(crate) auth: &'a [u8],
    pub(crate) ack: &'a [u8],
}

/// The first secrets of both directions, named by who seals with them.
pub(super) struct Schedule {
    pub(super) initiator: Secret,
    pub(super) recipient: Secret,
}

/// The keys of one direction, for one record after the other.
pub(super) struct Keys {
    secret: Secret,
    key: Box<dyn RecordKey>,
    iv: [u8; 12],
    /// Records with this key.
    used: u32,
    library: &'static dyn Library,
    suite: Suite,
}

impl Transcript<'_> {
    pub(super) fn salt(&self, library: &dyn Library) -> [u8; 32] {
        let packets = [self.auth, self.ack].map(|packet| library.sha256(&[packet]));
        let [auth, ack] = &packets;
        library.sha256(&[b"devp2p sec/1", &self.initiator.0, &self.recipient.0, auth, ack])
    }
}

impl Schedule {
    pub(super) fn derive(
        library: &dyn Library,
        ephemeral: &[u8; 32],
        shared: &SharedSecrets,
        transcript: &Transcript<'_>,
    ) -> Self {
        let mut input = Zeroizing::new([0; 96]);
        let parts = [ephemeral, &*shared.x25519, &*shared.kem];
        for (place, part) in input.chunks_exact_mut(32).zip(parts) {
            place.copy_from_slice(part);
        }
        let labels: [&[u8]; 2] = [b"sec/1 initiator", b"sec/1 recipient"];
        let salt = transcript.salt(library);
        let [initiator, recipient] = library.extract_and_expand(&salt, &*input, labels);
        Self { initiator, recipient }
    }
}

impl Keys {
    pub(super) fn new(library: &'static dyn Library, suite: Suite, secret: Secret) -> Self {
        let (mut key, mut iv) = (Secret::default(), [0; 12]);
        library.expand(&secret, b"sec/1 key", &mut *key);
        library.expand(&secret, b"sec/1 iv", &mut iv);
        Self { key: library.record_key(suite, &key), secret, iv, used: 0, library, suite }
    }

    pub(super) const fn suite(&self) -> Suite {
        self.suite
    }

    /// The key and the nonce of the next record. No other record gets the same.
    pub(super) fn next(&mut self) -> (&dyn RecordKey, [u8; 12]) {
        if self.used == RECORDS_PER_KEY {
            let mut secret = Secret::default();
            self.library.expand(&self.secret, b"sec/1 next", &mut *secret);
            *self = Self::new(self.library, self.suite, secret);
        }
        let mut nonce = self.iv;
        for (byte, with) in nonce[8..].iter_mut().zip(self.used.to_be_bytes()) {
            *byte ^= with;
        }
        self.used += 1;
        (&*self.key, nonce)
    }
}

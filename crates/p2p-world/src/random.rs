//! Randomness: of the operating system, or from a seed.

use rand_core::{CryptoRng, OsRng, RngCore, TryRngCore as _};

/// The source of randomness of this thread: the operating system, unless the thread was given a seed (feature `seeded`).
///
/// It is as good for keys as the operating system is. A thread with a seed is for simulations only.
#[must_use]
pub const fn rng() -> Rng {
    Rng(())
}

/// Whether this thread has a seed (feature `seeded`): then nothing may use another source of randomness than [`rng`].
#[must_use]
pub fn is_seeded() -> bool {
    #[cfg(feature = "seeded")]
    return seeded::is_seeded();
    #[cfg(not(feature = "seeded"))]
    false
}

/// The source that [`rng`] returns. It holds nothing, so it can be kept and sent to other threads; each use asks the
/// source of the present thread.
///
/// # Panics
///
/// If the operating system has no randomness.
#[derive(Debug, Clone, Copy)]
pub struct Rng(());

impl Rng {
    /// A number of 64 random bits.
    #[must_use]
    pub fn number(mut self) -> u64 {
        self.next_u64()
    }

    /// A number from 0 to 1, without 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub fn fraction(self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// This many random bytes.
    #[must_use]
    pub fn bytes<const N: usize>(mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill_bytes(&mut bytes);
        bytes
    }
}

impl RngCore for Rng {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        #[cfg(feature = "seeded")]
        if seeded::fill(bytes) {
            return;
        }
        OsRng.unwrap_err().fill_bytes(bytes);
    }
}

impl CryptoRng for Rng {}

#[cfg(feature = "seeded")]
pub use seeded::{SeedGuard, seed_thread};

#[cfg(feature = "seeded")]
pub(crate) mod seeded {
    use std::{cell::RefCell, marker::PhantomData};

    use rand_chacha::ChaCha8Rng;
    use rand_core::{RngCore as _, SeedableRng as _};

    thread_local! {
        static SOURCE: RefCell<Option<ChaCha8Rng>> = const { RefCell::new(None) };
    }

    /// Makes [`rng`](crate::rng) and the hash maps of this thread depend on `seed` alone, until the guard is dropped.
    ///
    /// Maps that were made before keep their order. Never use this where a key is made that must stay secret.
    pub fn seed_thread(seed: u64) -> SeedGuard {
        let source = Some(ChaCha8Rng::seed_from_u64(seed));
        SeedGuard { before: SOURCE.replace(source), _not_send: PhantomData }
    }

    /// Ends the effect of [`seed_thread`] when it is dropped, on the thread that called it.
    #[derive(Debug)]
    pub struct SeedGuard {
        before: Option<ChaCha8Rng>,
        _not_send: PhantomData<*const ()>,
    }

    impl Drop for SeedGuard {
        fn drop(&mut self) {
            SOURCE.replace(self.before.take());
        }
    }

    /// Whether this thread has a seed.
    pub(super) fn is_seeded() -> bool {
        SOURCE.with_borrow(Option::is_some)
    }

    /// Fills the bytes if this thread has a seed.
    pub(crate) fn fill(bytes: &mut [u8]) -> bool {
        SOURCE.with_borrow_mut(|source| {
            source.as_mut().map(|source| source.fill_bytes(bytes)).is_some()
        })
    }

    /// A number for a hash map, if this thread has a seed.
    pub(crate) fn number() -> Option<u64> {
        SOURCE.with_borrow_mut(|source| source.as_mut().map(rand_core::RngCore::next_u64))
    }
}

#[cfg(all(test, feature = "seeded"))]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_ends_with_its_guard() {
        let draw = |seed| {
            let _guard = seed_thread(seed);
            [rng().number(), rng().number()]
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(!is_seeded());
        let before = draw(1);
        assert_ne!([rng().number(), rng().number()], before, "the operating system's again");
    }

    #[test]
    fn after_a_seed_within_a_seed_the_outer_one_goes_on() {
        let outer = seed_thread(1);
        let first = rng().number();
        drop(seed_thread(2));
        let second = rng().number();
        drop(outer);
        let _again = seed_thread(1);
        assert_eq!([rng().number(), rng().number()], [first, second]);
    }
}

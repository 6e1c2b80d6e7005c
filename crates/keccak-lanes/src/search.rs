//! The search for a nonce after a given prefix.

use crate::{Keccak256, block::Digest, scan::NonceRun, zeros::Zeros};

/// A search for a nonce such that the Keccak-256 digest of a prefix and the nonce begins or ends with zero bits.
///
/// The nonce is 8 bytes, big-endian. The prefix is absorbed once, so a nonce costs one permutation, independent of the
/// length of the prefix (two if the prefix has 128 bytes modulo 136, because then the nonce fills a block). The search
/// uses the kernel of the prefix and tries as many nonces side by side as it has lanes. In the first round it computes
/// only what depends on the nonce, in the last round only the word that has the zeros.
///
/// ```
/// use keccak_lanes::{Keccak256, Search, Zeros, keccak256};
///
/// let search = Search::after(&Keccak256::new().chain(b"proof of work: "));
/// let nonce = search.find(Zeros::Leading(12), 0, 1 << 20).ok_or("not found")?;
///
/// let digest = keccak256(&[&b"proof of work: "[..], &nonce.to_be_bytes()].concat());
/// assert_eq!(digest, search.digest(nonce));
/// assert!(digest[0] == 0 && digest[1] < 0x10);
/// # Ok::<_, &str>(())
/// ```
#[derive(Clone, Debug)]
pub struct Search {
    prefix: Keccak256,
}

impl Search {
    /// A search for a nonce after everything that `prefix` has absorbed.
    #[must_use]
    pub fn after(prefix: &Keccak256) -> Self {
        Self { prefix: prefix.clone() }
    }

    /// The digest of the prefix and this nonce.
    #[must_use]
    pub fn digest(&self, nonce: u64) -> Digest {
        self.prefix.clone().chain(&nonce.to_be_bytes()).finalize()
    }

    /// Finds the first nonce, of `count` nonces from `start` on, whose digest has these zeros.
    ///
    /// Tries the nonces in ascending order and wraps around after the largest `u64`. On average one nonce in `2^zeros`
    /// has the zeros; a digest has at most 256. A call has a fixed cost of about ten nonces.
    #[must_use]
    pub fn find(&self, zeros: Zeros, start: u64, count: u64) -> Option<u64> {
        let (mut first, mut count) = (start, count);
        while count > 0 {
            let (state, filled) = self.prefix.parts();
            let (run, end) = NonceRun::with(first, *state, filled);
            let last = first + (end - first).min(count - 1);
            let found = self.prefix.kernel().scan(&run, zeros, first, last);
            let tried = found.unwrap_or(last);
            // The kernels check at most 64 zeros.
            if found.is_some() && zeros.is_met_by(&self.digest(tried)) {
                return found;
            }
            count -= tried - first + 1;
            first = tried.wrapping_add(1);
        }
        None
    }
}

//! The kernels and the choice between them.

use core::fmt;

#[cfg(target_arch = "x86_64")]
use crate::arch::{avx2::Avx2, avx512::Avx512};
#[cfg(target_arch = "aarch64")]
use crate::arch::{neon::Neon, neon_sha3::NeonSha3};
use crate::{
    arch::portable,
    batch::{one_by_one, one_by_one_cut},
    block::{Block, Digest},
    permutation::State,
    scan::NonceRun,
    side_by_side::Unfinished,
    zeros::Zeros,
};

/// An implementation of Keccak for an instruction set that this processor supports.
///
/// | name | one state | many states |
/// |---|---|---|
/// | `avx512` | AVX-512VL, two rows per vector | 8 side by side |
/// | `avx2` | plain words with BMI1 and BMI2 | 4 side by side |
/// | `neon-sha3` | plain words | 2 side by side, with FEAT_SHA3 |
/// | `neon` | plain words | 2 side by side |
/// | `portable` | plain words | one after the other |
///
/// All kernels compute the same digests. A value exists only for a kernel that this processor can run, so using one
/// is always safe. The NEON kernels have been tested on an emulated processor only; their speed has not been measured.
///
/// # Default kernel
///
/// [`Kernel::best`], the fastest kernel that the processor can run. With the feature `std` the processor is queried
/// at run time; without it, the build target decides (`-C target-feature`, `-C target-cpu`). A build with
/// `RUSTFLAGS='--cfg keccak_lanes_force="portable"'` (or another name of the table) uses the named kernel if the
/// processor can run it, and otherwise the portable one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Instructions);

/// The instruction sets, each with the witness that the processor has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instructions {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    #[cfg(target_arch = "aarch64")]
    NeonSha3(NeonSha3),
}

/// Evaluates the first expression for the portable kernel, and the second, with the witness, for a kernel with vectors.
macro_rules! dispatch {
    ($kernel:expr, $portable:expr, $witness:ident => $vectors:expr) => {
        match $kernel.0 {
            Instructions::Portable => $portable,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2($witness) => $vectors,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512($witness) => $vectors,
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon($witness) => $vectors,
            #[cfg(target_arch = "aarch64")]
            Instructions::NeonSha3($witness) => $vectors,
        }
    };
}

/// Name of the kernel that the build forces.
const FORCED: Option<&str> = if cfg!(keccak_lanes_force = "portable") {
    Some("portable")
} else if cfg!(keccak_lanes_force = "avx2") {
    Some("avx2")
} else if cfg!(keccak_lanes_force = "avx512") {
    Some("avx512")
} else if cfg!(keccak_lanes_force = "neon") {
    Some("neon")
} else if cfg!(keccak_lanes_force = "neon-sha3") {
    Some("neon-sha3")
} else {
    None
};

impl Kernel {
    /// The kernel that runs on every processor.
    pub const PORTABLE: Self = Self(Instructions::Portable);

    /// The default kernel: the fastest one, or the one that the build forces.
    ///
    /// Takes a nanosecond or two, because the standard library caches what the processor supports.
    #[must_use]
    pub fn best() -> Self {
        let allowed = |kernel: &Self| FORCED.is_none_or(|name| kernel.name() == name);
        Self::candidates().into_iter().flatten().find(allowed).unwrap_or(Self::PORTABLE)
    }

    /// All kernels that this processor can run, the fastest first and [`Kernel::PORTABLE`] last.
    ///
    /// Not affected by what the build forces. Meant for tests and for comparing speeds.
    ///
    /// ```
    /// use keccak_lanes::{Kernel, Keccak256, keccak256};
    ///
    /// for kernel in Kernel::available() {
    ///     let digest = Keccak256::with_kernel(kernel).chain(b"abc").finalize();
    ///     assert_eq!(digest, keccak256(b"abc"), "{kernel}");
    /// }
    /// ```
    pub fn available() -> impl Iterator<Item = Self> {
        Self::candidates().into_iter().flatten()
    }

    #[cfg(target_arch = "x86_64")]
    fn candidates() -> [Option<Self>; 3] {
        let avx512 = Avx512::detect().map(Instructions::Avx512);
        let avx2 = Avx2::detect().map(Instructions::Avx2);
        [avx512.map(Self), avx2.map(Self), Some(Self::PORTABLE)]
    }

    #[cfg(target_arch = "aarch64")]
    fn candidates() -> [Option<Self>; 3] {
        let sha3 = NeonSha3::detect().map(Instructions::NeonSha3);
        let neon = Neon::detect().map(Instructions::Neon);
        [sha3.map(Self), neon.map(Self), Some(Self::PORTABLE)]
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn candidates() -> [Option<Self>; 1] {
        [Some(Self::PORTABLE)]
    }

    /// Number of states that it processes side by side.
    #[must_use]
    pub const fn lanes(self) -> usize {
        dispatch!(self, 1, witness => witness.lanes())
    }

    /// The name of the kernel, as in the table above.
    #[must_use]
    pub const fn name(self) -> &'static str {
        dispatch!(self, "portable", witness => witness.name())
    }

    /// Absorbs whole blocks into one state.
    pub(crate) fn absorb(self, state: &mut State, blocks: &[Block]) {
        dispatch!(self, portable::absorb(state, blocks), witness => witness.absorb(state, blocks));
    }

    /// The first nonce from `first` to `last` whose digest has these zeros. Checks at most 64 zeros.
    pub(crate) fn scan(self, run: &NonceRun, zeros: Zeros, first: u64, last: u64) -> Option<u64> {
        dispatch!(
            self,
            portable::scan(run, zeros, first, last),
            witness => witness.scan(run, zeros, first, last)
        )
    }

    /// Hashes messages side by side until at most one is unfinished.
    pub(crate) fn batch<'a>(
        self,
        messages: &[&'a [u8]],
        digests: &mut [Digest],
    ) -> Option<Unfinished<'a>> {
        dispatch!(
            self,
            {
                one_by_one(self, messages, digests);
                None
            },
            witness => witness.batch(messages, digests)
        )
    }

    /// Hashes messages, and the same without their last `cut` bytes.
    pub(crate) fn batch_cut(
        self,
        messages: &[&[u8]],
        cut: usize,
        digests: &mut [Digest],
        of_cut: &mut [Digest],
    ) {
        dispatch!(
            self,
            one_by_one_cut(self, messages, cut, digests, of_cut),
            witness => witness.batch_cut(messages, cut, digests, of_cut)
        );
    }
}

impl Default for Kernel {
    /// [`Kernel::best`].
    fn default() -> Self {
        Self::best()
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kernel({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::{FORCED, Kernel};

    #[test]
    fn the_portable_kernel_is_always_available_and_listed_last() {
        assert_eq!(Kernel::available().last(), Some(Kernel::PORTABLE));
    }

    #[test]
    fn the_best_kernel_is_the_first_unless_the_build_forces_another() {
        let best = Kernel::best();
        match FORCED {
            None => assert_eq!(Some(best), Kernel::available().next()),
            Some(name) => assert!(best.name() == name || best == Kernel::PORTABLE),
        }
    }
}

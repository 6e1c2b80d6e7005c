//! Which instructions do the work: chosen once, when the first hash asks.

use core::fmt;

#[cfg(target_arch = "x86_64")]
use crate::arch::{avx2::Avx2, avx512::Avx512};
#[cfg(target_arch = "aarch64")]
use crate::arch::{neon::Neon, neon_sha3::NeonSha3};
use crate::{
    Digest, Zeros,
    arch::portable,
    batch::{Left, one_by_one},
    permutation::State,
    scan::Run,
    sponge::Block,
};

/// A set of instructions that this processor has, and the code that uses it.
///
/// | name | one state | many states |
/// |---|---|---|
/// | `avx512` | AVX-512VL, two rows a vector | 8 side by side |
/// | `avx2` | plain words with BMI1 and BMI2 | 4 side by side |
/// | `neon-sha3` | plain words | 2 side by side, with FEAT_SHA3 |
/// | `neon` | plain words | 2 side by side |
/// | `portable` | plain words | one after the other |
///
/// The two of NEON have run on an emulated processor only: what they compute is tested, how fast they are
/// nobody has measured.
///
/// All give the same digests. A value exists only for a kernel that can run here, so there is nothing
/// that could go wrong in using one.
///
/// # Which one is used
///
/// [`Kernel::best`], the fastest that the processor can run. With the feature `std` the processor is
/// asked; without it, the build decides (`-C target-feature` or `-C target-cpu`). A build with
/// `RUSTFLAGS='--cfg keccak_lanes_force="portable"'` (or another name of the table) uses that kernel
/// instead where the processor can run it, and the portable one where it cannot.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Instructions);

/// The proofs that the processor has them are inside.
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

/// The first expression for a kernel in plain words, the second for each with vectors, given its proof.
macro_rules! dispatch {
    ($kernel:expr, $portable:expr, $proof:ident => $vectors:expr) => {
        match $kernel.0 {
            Instructions::Portable => $portable,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2($proof) => $vectors,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512($proof) => $vectors,
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon($proof) => $vectors,
            #[cfg(target_arch = "aarch64")]
            Instructions::NeonSha3($proof) => $vectors,
        }
    };
}

/// The name of the kernel that the build asks for.
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
    /// The one that runs everywhere.
    pub const PORTABLE: Self = Self(Instructions::Portable);

    /// The kernel of everything that is not told which: the fastest, or the one that the build forces.
    ///
    /// Takes a nanosecond or two: the standard library asks the processor once and keeps the answer in
    /// an atomic.
    #[must_use]
    pub fn best() -> Self {
        let wanted = |kernel: &Self| FORCED.is_none_or(|name| kernel.name() == name);
        Self::candidates().into_iter().flatten().find(wanted).unwrap_or(Self::PORTABLE)
    }

    /// All kernels that this processor can run, the fastest first and [`Kernel::PORTABLE`] last,
    /// whatever the build forces. For tests, and for comparing speeds.
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

    /// How many states it works on side by side.
    #[must_use]
    pub const fn lanes(self) -> usize {
        dispatch!(self, 1, proof => proof.lanes())
    }

    /// Its name, as in the table above.
    #[must_use]
    pub const fn name(self) -> &'static str {
        dispatch!(self, "portable", proof => proof.name())
    }

    /// Absorbs whole blocks into one state.
    pub(crate) fn absorb(self, state: &mut State, blocks: &[Block]) {
        dispatch!(self, portable::absorb(state, blocks), proof => proof.absorb(state, blocks));
    }

    /// The first nonce of a run with these zeros, of which it looks at 64, from `first` to `last`.
    pub(crate) fn scan(self, run: &Run, zeros: Zeros, first: u64, last: u64) -> Option<u64> {
        dispatch!(
            self,
            portable::scan(run, zeros, first, last),
            proof => proof.scan(run, zeros, first, last)
        )
    }

    /// Hashes messages side by side until at most one is left.
    pub(crate) fn batch<'a>(
        self,
        messages: &[&'a [u8]],
        digests: &mut [Digest],
    ) -> Option<Left<'a>> {
        dispatch!(
            self,
            {
                one_by_one(self, messages, digests);
                None
            },
            proof => proof.batch(messages, digests)
        )
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
    fn the_portable_kernel_is_always_there_and_last() {
        assert_eq!(Kernel::available().last(), Some(Kernel::PORTABLE));
    }

    #[test]
    fn the_best_is_the_first_unless_the_build_forces_another() {
        let best = Kernel::best();
        match FORCED {
            None => assert_eq!(Some(best), Kernel::available().next()),
            Some(name) => assert!(best.name() == name || best == Kernel::PORTABLE),
        }
    }
}

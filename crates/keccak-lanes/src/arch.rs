//! One file for each instruction set: its kernel, and a witness that the processor supports it.
//!
//! This is the only unsafe code of the workspace. It is sound because of the witnesses: a value of a type such as
//! `Avx512` can be made only on a processor that supports the instructions, and no kernel runs without one.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512vl;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon_sha3;
pub(crate) mod portable;
pub(crate) mod wipe;

/// Whether the processor has all these instructions: detected at run time with the feature `std`, otherwise taken
/// from the build target.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! has {
    ($($feature:tt),+) => {{
        #[cfg(all(feature = "std", target_arch = "x86_64"))]
        let has = true $( && std::arch::is_x86_feature_detected!($feature) )+;
        #[cfg(all(feature = "std", target_arch = "aarch64"))]
        let has = true $( && std::arch::is_aarch64_feature_detected!($feature) )+;
        #[cfg(not(feature = "std"))]
        let has = true $( && cfg!(target_feature = $feature) )+;
        has
    }};
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use has;

/// Implements a kernel for a witness: its methods call functions compiled with these target features, which work on
/// the `Vector` of the module.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! impl_kernel {
    ($witness:ident, $name:literal, $features:literal) => {
        impl $witness {
            /// Name of the kernel.
            pub(crate) const fn name(self) -> &'static str {
                $name
            }

            /// Number of states that it processes side by side.
            pub(crate) const fn lanes(self) -> usize {
                <Vector as $crate::lanes::Lanes>::COUNT
            }

            /// The first nonce of a run whose digest has these zeros.
            pub(crate) fn scan(
                self,
                run: &$crate::scan::NonceRun,
                zeros: $crate::zeros::Zeros,
                first: u64,
                last: u64,
            ) -> Option<u64> {
                // SAFETY: `self` is the witness that the processor has the instructions.
                unsafe { scan(self, run, zeros, first, last) }
            }

            /// Hashes messages side by side until at most one is unfinished.
            pub(crate) fn batch<'a>(
                self,
                messages: &[&'a [u8]],
                digests: &mut [$crate::block::Digest],
            ) -> Option<$crate::side_by_side::Unfinished<'a>> {
                // SAFETY: `self` is the witness that the processor has the instructions.
                unsafe { batch(self, messages, digests) }
            }

            /// Hashes messages, and the same without their last `cut` bytes.
            pub(crate) fn batch_cut(
                self,
                messages: &[&[u8]],
                cut: usize,
                digests: &mut [$crate::block::Digest],
                of_cut: &mut [$crate::block::Digest],
            ) {
                // SAFETY: `self` is the witness that the processor has the instructions.
                unsafe { batch_cut(self, messages, cut, digests, of_cut) }
            }
        }

        #[target_feature(enable = $features)]
        fn scan(
            witness: $witness,
            run: &$crate::scan::NonceRun,
            zeros: $crate::zeros::Zeros,
            first: u64,
            last: u64,
        ) -> Option<u64> {
            $crate::scan::scan::<Vector>(witness.into(), run, zeros, first, last)
        }

        #[target_feature(enable = $features)]
        fn batch<'a>(
            witness: $witness,
            messages: &[&'a [u8]],
            digests: &mut [$crate::block::Digest],
        ) -> Option<$crate::side_by_side::Unfinished<'a>> {
            $crate::side_by_side::side_by_side::<Vector>(witness.into(), messages, digests)
        }

        #[target_feature(enable = $features)]
        fn batch_cut(
            witness: $witness,
            messages: &[&[u8]],
            cut: usize,
            digests: &mut [$crate::block::Digest],
            of_cut: &mut [$crate::block::Digest],
        ) {
            $crate::side_by_side::side_by_side_cut::<Vector>(
                witness.into(),
                messages,
                cut,
                digests,
                of_cut,
            );
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use impl_kernel;

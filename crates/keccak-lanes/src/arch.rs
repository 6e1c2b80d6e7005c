//! One file for each set of instructions: the kernels, and the proofs that a processor can run them.
//!
//! The only unsafe code of the workspace is here. What keeps it sound are the proofs: values of
//! types such as `Avx512` exist only where the instructions do, and whoever wants to run them needs one.

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

/// Whether the processor has all these instructions: asked at run time with `std`, otherwise what the
/// build targets.
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

/// What a proof of that name runs on `Words`, the lanes of its module, with these instructions switched on.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! side_by_side {
    ($proof:ident, $name:literal, $features:literal) => {
        impl $proof {
            /// What its kernel is called.
            pub(crate) const fn name(self) -> &'static str {
                $name
            }

            /// How many states it works on side by side.
            pub(crate) const fn lanes(self) -> usize {
                <Words as $crate::lanes::Lanes>::COUNT
            }

            /// The first nonce of a run with these zeros.
            pub(crate) fn scan(
                self,
                run: &$crate::scan::Run,
                zeros: $crate::Zeros,
                first: u64,
                last: u64,
            ) -> Option<u64> {
                // SAFETY: `self` exists only where the instructions do.
                unsafe { scan(self, run, zeros, first, last) }
            }

            /// Hashes messages side by side until at most one is left.
            pub(crate) fn batch<'a>(
                self,
                messages: &[&'a [u8]],
                digests: &mut [$crate::Digest],
            ) -> Option<$crate::batch::Left<'a>> {
                // SAFETY: `self` exists only where the instructions do.
                unsafe { batch(self, messages, digests) }
            }
        }

        #[target_feature(enable = $features)]
        fn scan(
            proof: $proof,
            run: &$crate::scan::Run,
            zeros: $crate::Zeros,
            first: u64,
            last: u64,
        ) -> Option<u64> {
            $crate::scan::scan::<Words>(proof.into(), run, zeros, first, last)
        }

        #[target_feature(enable = $features)]
        fn batch<'a>(
            proof: $proof,
            messages: &[&'a [u8]],
            digests: &mut [$crate::Digest],
        ) -> Option<$crate::batch::Left<'a>> {
            $crate::batch::side_by_side::<Words>(proof.into(), messages, digests)
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use side_by_side;

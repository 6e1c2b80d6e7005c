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
pub(crate) mod portable;
pub(crate) mod wipe;

/// Whether the processor has all these instructions: asked at run time with `std`, otherwise what the
/// build targets.
#[cfg(target_arch = "x86_64")]
macro_rules! has {
    ($($feature:tt),+) => {{
        #[cfg(feature = "std")]
        let has = true $( && std::arch::is_x86_feature_detected!($feature) )+;
        #[cfg(not(feature = "std"))]
        let has = true $( && cfg!(target_feature = $feature) )+;
        has
    }};
}
#[cfg(target_arch = "x86_64")]
use has;

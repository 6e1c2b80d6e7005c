//! A loop that shows the maximum throughput of the processor, for comparison with the kernels.
//!
//! Clock speed and other load change all figures of a machine, but not the ratio of two figures measured together.

#[cfg(target_arch = "x86_64")]
use crate::arch::avx512::Avx512;

/// Runs at least `count` 512-bit ternary-logic instructions that do not depend on each other.
///
/// Returns whether the processor has the instruction. If not, nothing was run.
///
/// ```
/// use keccak_lanes::{Kernel, calibration::ternary_logic};
///
/// let avx512 = Kernel::available().any(|kernel| kernel.name() == "avx512");
/// assert_eq!(ternary_logic(1000), avx512);
/// ```
#[must_use]
pub fn ternary_logic(count: u64) -> bool {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx512) = Avx512::detect() {
        avx512.ternary_logic(count);
        return true;
    }
    let _ = count;
    false
}

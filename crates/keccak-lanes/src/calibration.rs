//! What the processor could do at most, measured at the same moment as the kernels.
//!
//! Clock speed and neighbours move all figures of a machine up and down, but not the ratio of two that are
//! measured together.

#[cfg(target_arch = "x86_64")]
use crate::arch::avx512::Avx512;

/// Runs at least so many 512-bit ternary-logic instructions that do not wait for each other. Returns whether
/// the processor has them; if not, nothing was run.
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

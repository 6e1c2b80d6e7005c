//! The one libsecp256k1 context of the process.

use std::sync::LazyLock;

use secp256k1::{All, Secp256k1};

/// One context serves all callers: it holds no state of theirs and does not change after it is made. It is
/// blinded once, not for each operation: a blinding costs a multiplication on the curve, and protects only
/// against an attacker who can measure this process.
static CONTEXT: LazyLock<Secp256k1<All>> = LazyLock::new(|| {
    #[cfg_attr(not(feature = "std"), expect(unused_mut, reason = "only blinding changes it"))]
    let mut context = Secp256k1::new();
    #[cfg(feature = "std")]
    {
        use rand_core::{OsRng, TryRngCore};
        use zeroize::Zeroizing;

        let mut seed = Zeroizing::new([0; 32]);
        // A system without randomness gives an unblinded context, which computes the same.
        if OsRng.try_fill_bytes(&mut *seed).is_ok() {
            context.seeded_randomize(&seed);
        }
    }
    context
});

/// The context for every operation on the curve.
pub(crate) fn context() -> &'static Secp256k1<All> {
    &CONTEXT
}

//! Forgetting.
#![allow(unsafe_code, reason = "a volatile write is what the optimiser leaves in place")]

use core::{
    ptr,
    sync::atomic::{Ordering, compiler_fence},
};

use crate::permutation::State;

/// Overwrites a state that nobody will read any more.
pub(crate) fn wipe(state: &mut State) {
    for word in state {
        // SAFETY: a mutable reference is valid for writes and aligned.
        unsafe { ptr::write_volatile(word, 0) };
    }
    compiler_fence(Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_is_left() {
        let mut state = [7; 25];
        super::wipe(&mut state);
        assert_eq!(state, [0; 25]);
    }
}

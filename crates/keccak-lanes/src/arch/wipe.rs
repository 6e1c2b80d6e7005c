//! Overwriting a state in memory.
#![allow(unsafe_code, reason = "the optimiser does not remove a volatile write")]

use core::{
    ptr,
    sync::atomic::{Ordering, compiler_fence},
};

use crate::permutation::State;

/// Overwrites a state that is no longer needed.
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

//! No error contains the text of its cause, so that a printed chain of causes repeats nothing.

#![cfg(feature = "miner")]

use std::error::Error;
use std::iter::successors;

use whisper_pow::{SealError, WorkError};

/// The only variant that wraps an error is transparent: its text and its causes are those of the inner error.
#[test]
fn every_cause_is_printed_once() {
    let error = SealError::Work(WorkError::ZeroTtl);
    let outermost: &(dyn Error + 'static) = &error;
    let chain = successors(Some(outermost), |error| (**error).source());
    let texts: Vec<String> = chain.map(ToString::to_string).collect();
    assert_eq!(texts, [WorkError::ZeroTtl.to_string()]);
}

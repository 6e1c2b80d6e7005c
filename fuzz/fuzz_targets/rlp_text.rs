//! [`fuzz::rlp_text`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::rlp_text(data));

//! [`fuzz::rlp_item`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::rlp_item(data));

//! [`fuzz::ecies_open`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::ecies_open(data));

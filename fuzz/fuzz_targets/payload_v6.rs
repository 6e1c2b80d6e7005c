//! [`fuzz::payload_v6`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::payload_v6(data));

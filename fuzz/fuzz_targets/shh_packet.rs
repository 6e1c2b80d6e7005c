//! [`fuzz::shh_packet`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::shh_packet(data));

//! [`fuzz::discv4_packet`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::discv4_packet(data));

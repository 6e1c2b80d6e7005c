//! [`fuzz::discv4_machine`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::discv4_machine(data));

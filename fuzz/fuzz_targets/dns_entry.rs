//! [`fuzz::dns_entry`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::dns_entry(data));

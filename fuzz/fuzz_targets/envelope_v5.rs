//! [`fuzz::envelope_v5`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::envelope_v5(data));

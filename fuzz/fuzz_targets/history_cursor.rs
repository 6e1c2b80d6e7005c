//! [`fuzz::history_cursor`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::history_cursor(data));

//! [`fuzz::lazy_message`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::lazy_message(data));

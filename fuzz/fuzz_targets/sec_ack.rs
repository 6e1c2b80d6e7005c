//! [`fuzz::sec_ack`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::sec_ack(data));

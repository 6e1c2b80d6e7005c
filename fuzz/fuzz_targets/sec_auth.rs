//! [`fuzz::sec_auth`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::sec_auth(data));

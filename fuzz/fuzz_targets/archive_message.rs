//! [`fuzz::archive_message`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::archive_message(data));

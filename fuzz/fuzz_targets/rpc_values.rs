//! [`fuzz::rpc_values`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::rpc_values(data));

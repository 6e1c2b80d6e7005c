//! [`fuzz::rpc_request`] under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::rpc_request(data));

//! See `wrtracker_tests::fuzz::client`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wrtracker_tests::fuzz::client::http(data));

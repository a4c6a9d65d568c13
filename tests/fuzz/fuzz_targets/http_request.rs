//! See `wrtracker_tests::fuzz::http_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wrtracker_tests::fuzz::http_request::run(data));

//! See `wrtracker_tests::fuzz::udp_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wrtracker_tests::fuzz::udp_request::run(data));

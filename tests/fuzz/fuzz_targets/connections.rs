//! See `wrtracker_tests::fuzz::connections`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wrtracker_tests::fuzz::connections::run(data));

//! See `wrtracker_tests::fuzz::grants`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wrtracker_tests::fuzz::grants::run(data));

//! See `wrtracker_tests::fuzz::conf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wrtracker_tests::fuzz::conf::run(data));

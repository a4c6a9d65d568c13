//! See `wrtracker_tests::fuzz::store_ops`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wrtracker_tests::fuzz::store_ops::run(data));

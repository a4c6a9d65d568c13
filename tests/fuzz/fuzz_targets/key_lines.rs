//! See `wrtracker_tests::fuzz::key_lines`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wrtracker_tests::fuzz::key_lines::run(data));

//! See `wrtracker_tests::fuzz::state`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wrtracker_tests::fuzz::state::run(data));

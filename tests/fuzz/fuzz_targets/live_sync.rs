//! See `wrtracker_tests::fuzz::live_sync`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wrtracker_tests::fuzz::live_sync::run(data));

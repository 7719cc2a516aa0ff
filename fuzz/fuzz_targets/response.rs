#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| autoscaler::fuzz_entry::response(bytes));

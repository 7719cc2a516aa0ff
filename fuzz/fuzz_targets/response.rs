#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loadtest::fuzz_entry::response(bytes));

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_entries::local_cloud_request(bytes));

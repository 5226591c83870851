//! Any bytes: a header, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = knowmvg::model::weights::read_header(bytes);
});

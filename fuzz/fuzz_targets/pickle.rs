//! Any bytes: the value of a pickle, read without running anything, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(pickle) = knowmvg_data::pickle::load(bytes) {
        let _ = pickle.root();
    }
});

//! Any bytes as a file of annotations, in the format that its first byte chooses or that it looks like: images and boxes, broken
//! rows, or an error.
#![no_main]

use std::fs;

use knowmvg_data::{Format, ReadOptions, read_leniently};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let path = std::env::temp_dir().join(format!("knowmvg-fuzz-annotations-{}", std::process::id()));
    fs::write(&path, rest).expect("a file can be written");
    let format = Format::ALL.get(usize::from(*first)).copied();
    let _ = read_leniently(&path, &ReadOptions { format, ..ReadOptions::default() });
});

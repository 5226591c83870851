//! Weight files that are damaged, lying or of another model: an error that says which, never a panic.

use std::collections::BTreeMap;
use std::path::PathBuf;

use knowmvg::grounder::Grounder;
use knowmvg::model::params::{NamedParam, Stored, save};
use knowmvg::model::vision::{VisionConfig, VisionTower};
use knowmvg::model::weights::{WeightError, WeightFile, read_header};
use proptest::prelude::*;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("knowmvg-weights-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A small valid file.
fn valid(name: &str) -> Vec<u8> {
    let path = folder(name).join("valid.safetensors");
    let param = |name: &str, shape: &[usize]| NamedParam {
        name: name.into(),
        shape: shape.to_vec(),
        values: (0..shape.iter().product()).map(|i: usize| i as f32).collect(),
    };
    save(&path, &[param("a", &[2, 3]), param("b.c", &[4])], Stored::F16, BTreeMap::new()).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn a_valid_header_is_read() {
    let rows = read_header(&valid("read")).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0], ("a".to_owned(), vec![2, 3], "F16".to_owned()));
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = valid("cut");
    for length in 0..bytes.len() {
        assert!(matches!(read_header(&bytes[..length]), Err(WeightError::Format(_))), "length {length}");
    }
}

#[test]
fn a_header_that_claims_more_than_there_is_allocates_nothing() {
    let mut bytes = valid("claim");
    bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(read_header(&bytes).is_err());
    bytes[..8].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    assert!(read_header(&bytes).is_err());
}

#[test]
fn another_model_is_refused_with_the_names_that_differ() {
    let path = folder("other").join("other.safetensors");
    std::fs::write(&path, valid("other-source")).unwrap();
    let file = WeightFile::open(&path).unwrap();
    let config = VisionConfig { num_hidden_layers: 1, ..VisionConfig::default() };
    let error = VisionTower::load(file.loader().unwrap(), config).err().expect("the names differ").to_string();
    assert!(error.contains("missing embeddings.cls_token [1, 1, 384]"), "{error}");
    assert!(error.contains("unused b.c"), "{error}");
}

#[test]
fn a_folder_without_a_model_names_the_file_that_is_missing() {
    let error = Grounder::load(&folder("empty")).err().expect("there is no model").to_string();
    assert!(error.contains("dinov2-small.safetensors"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_header(&bytes);
    }

    #[test]
    fn a_changed_byte_never_panics(at in 0_usize..300, value in any::<u8>()) {
        let mut bytes = valid("flip");
        let at = at % bytes.len();
        bytes[at] = value;
        let _ = read_header(&bytes);
    }
}

//! Towers for tests: the golden's tiny one and the shipped one.

use std::path::{Path, PathBuf};

use knowmvg::model::vision::{VisionConfig, VisionTower};
use knowmvg::model::weights::WeightFile;
use safetensors::{SafeTensors, serialize_to_file};

pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

pub fn floats(golden: &SafeTensors, name: &str) -> Vec<f32> {
    let view = golden.tensor(name).expect(name);
    view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// The golden's `weight.*` tensors as a checkpoint of their own.
pub fn tiny(golden: &SafeTensors) -> VisionTower {
    let weights = golden.tensors().into_iter().filter_map(|(n, v)| Some((n.strip_prefix("weight.")?.to_owned(), v)));
    let thread = std::thread::current().name().unwrap_or_default().replace(':', "-");
    let path = std::env::temp_dir().join(format!("knowmvg-tiny-tower-{}-{thread}.safetensors", std::process::id()));
    serialize_to_file(weights, None, &path).unwrap();
    let config = VisionConfig {
        hidden_size: 24,
        num_hidden_layers: 3,
        num_attention_heads: 2,
        image_size: 70,
        ..VisionConfig::default()
    };
    let file = WeightFile::open(&path).unwrap();
    let tower = VisionTower::load(file.loader().unwrap(), config).unwrap();
    std::fs::remove_file(path).unwrap();
    tower
}

pub fn shipped() -> VisionTower {
    let config = std::fs::read(repository("models/dinov2-small.config.json")).unwrap();
    let file = WeightFile::open(&repository("models/dinov2-small.safetensors")).unwrap();
    VisionTower::load(file.loader().unwrap(), serde_json::from_slice(&config).unwrap()).unwrap()
}

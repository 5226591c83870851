//! The vision tower against Hugging Face's, step by step (`reference/export_tower_golden.py`).

use std::path::{Path, PathBuf};

use knowmvg::model::vision::{IMAGENET_MEAN, IMAGENET_STD, VisionConfig, VisionTower};
use knowmvg::model::weights::WeightFile;
use safetensors::{SafeTensors, serialize_to_file};

const TOLERANCE: f32 = 1e-4;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn floats(golden: &SafeTensors, name: &str) -> Vec<f32> {
    let view = golden.tensor(name).expect(name);
    view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn assert_close(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let error = found.iter().zip(expected).map(|(f, e)| (f - e).abs()).fold(0.0, f32::max);
    println!("{name}: largest difference {error:e}");
    assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() <= TOLERANCE), "{name}: differs by {error:e}");
}

/// The golden's `weight.*` tensors as a checkpoint of their own.
fn tiny_tower(golden: &SafeTensors) -> VisionTower {
    let weights = golden.tensors().into_iter().filter_map(|(n, v)| Some((n.strip_prefix("weight.")?.to_owned(), v)));
    let path = std::env::temp_dir().join(format!("knowmvg-tiny-tower-{}.safetensors", std::process::id()));
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

#[test]
fn tiny_tower_agrees_at_every_layer() {
    let bytes = std::fs::read(repository("golden/tower/tiny.safetensors")).unwrap();
    let golden = SafeTensors::deserialize(&bytes).unwrap();
    let tower = tiny_tower(&golden);
    for side in [70, 98] {
        let pixels = floats(&golden, &format!("input.pixel_values_{side}"));
        let embeddings = tower.embed(&pixels, side);
        assert_close("embeddings", &embeddings, &floats(&golden, &format!("trace.embeddings_{side}")));
        let output = tower.forward(&pixels, side, &[0, 1, 2]).unwrap();
        for (index, state) in output.hidden_states.iter().enumerate() {
            assert_close(&format!("layer {index}"), state, &floats(&golden, &format!("trace.layer.{index}_{side}")));
        }
        assert_close(
            "output",
            &output.last_hidden_state,
            &floats(&golden, &format!("output.last_hidden_state_{side}")),
        );
    }
}

/// The input of `reference/synthetic.py`.
fn synthetic_image(side: usize) -> Vec<u8> {
    let triangle = |t: usize, period: usize| (t % (2 * period)).abs_diff(period);
    let value = |x, y| triangle(3 * x + y, 100) + triangle(2 * y + 5 * x, 77) + triangle(x * y / 64, 78);
    (0..side * side).map(|i| value(i % side, i / side) as u8).collect()
}

fn pixel_values(grey: &[u8]) -> Vec<f32> {
    let channel = |c: usize| grey.iter().map(move |v| (f32::from(*v) / 255.0 - IMAGENET_MEAN[c]) / IMAGENET_STD[c]);
    (0..3).flat_map(channel).collect()
}

#[test]
fn shipped_weights_agree_at_448() {
    let bytes = std::fs::read(repository("golden/tower/small_448.safetensors")).unwrap();
    let golden = SafeTensors::deserialize(&bytes).unwrap();
    let image = synthetic_image(448);
    assert_eq!(image, golden.tensor("input.image").unwrap().data());
    let file = WeightFile::open(&repository("models/dinov2-small.safetensors")).unwrap();
    let tower = VisionTower::load(file.loader().unwrap(), VisionConfig::default()).unwrap();
    let output = tower.forward(&pixel_values(&image), 448, &[7]).unwrap();
    let positions = golden.tensor("input.positions").unwrap();
    let rows: Vec<usize> =
        positions.data().chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap()) as usize).collect();
    let at_rows =
        |tokens: &[f32]| rows.iter().flat_map(|r| tokens[r * 384..(r + 1) * 384].to_vec()).collect::<Vec<_>>();
    assert_close("layer 7", &at_rows(&output.hidden_states[0]), &floats(&golden, "trace.layer.7"));
    assert_close("output", &at_rows(&output.last_hidden_state), &floats(&golden, "output.last_hidden_state"));
}

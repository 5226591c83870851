//! The vision tower against Hugging Face's, step by step (`reference/export_tower_golden.py`).

#[path = "common/tower.rs"]
mod tower;

use knowmvg::model::vision::{IMAGENET_MEAN, IMAGENET_STD, VisionConfig};
use safetensors::SafeTensors;

const TOLERANCE: f32 = 1e-4;

fn assert_close(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let error = found.iter().zip(expected).map(|(f, e)| (f - e).abs()).fold(0.0, f32::max);
    println!("{name}: largest difference {error:e}");
    assert!(found.iter().zip(expected).all(|(f, e)| (f - e).abs() <= TOLERANCE), "{name}: differs by {error:e}");
}

#[test]
fn tiny_tower_agrees_at_every_layer() {
    let bytes = std::fs::read(tower::repository("golden/tower/tiny.safetensors")).unwrap();
    let golden = SafeTensors::deserialize(&bytes).unwrap();
    let tower = tower::tiny(&golden);
    for side in [70, 98] {
        let pixels = tower::floats(&golden, &format!("input.pixel_values_{side}"));
        let embeddings = tower.embed(&pixels, side);
        assert_close("embeddings", &embeddings, &tower::floats(&golden, &format!("trace.embeddings_{side}")));
        let output = tower.forward(&pixels, side, &[0, 1, 2]).unwrap();
        for (index, state) in output.hidden_states.iter().enumerate() {
            assert_close(
                &format!("layer {index}"),
                state,
                &tower::floats(&golden, &format!("trace.layer.{index}_{side}")),
            );
        }
        assert_close(
            "output",
            &output.last_hidden_state,
            &tower::floats(&golden, &format!("output.last_hidden_state_{side}")),
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
    let bytes = std::fs::read(tower::repository("golden/tower/small_448.safetensors")).unwrap();
    let golden = SafeTensors::deserialize(&bytes).unwrap();
    let image = synthetic_image(448);
    assert_eq!(image, golden.tensor("input.image").unwrap().data());
    let tower = tower::shipped();
    assert_eq!(*tower.config(), VisionConfig::default());
    let output = tower.forward(&pixel_values(&image), 448, &[7]).unwrap();
    let positions = golden.tensor("input.positions").unwrap();
    let rows: Vec<usize> =
        positions.data().chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap()) as usize).collect();
    let at_rows =
        |tokens: &[f32]| rows.iter().flat_map(|r| tokens[r * 384..(r + 1) * 384].to_vec()).collect::<Vec<_>>();
    assert_close("layer 7", &at_rows(&output.hidden_states[0]), &tower::floats(&golden, "trace.layer.7"));
    assert_close("output", &at_rows(&output.last_hidden_state), &tower::floats(&golden, "output.last_hidden_state"));
}

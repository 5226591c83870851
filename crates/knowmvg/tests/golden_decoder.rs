//! The decoder against an independent implementation, step by step (`reference/export_decoder_golden.py`).

mod common;

use burn::tensor::Device;
use common::{Golden, PATCH, Recorded, assert_close};
use knowmvg::geometry::{Box2, Map, Model, Thorax};
use knowmvg::model::fine_map::{CELLS_PER_PATCH, pixel_patches, upsampling};
use knowmvg::model::visual_tokens::position_features;
use knowmvg::prior::{MAP_SIDE, Prior};

/// The golden is float64, rounded. The reference run in float32 differs from it by 2.1e-5 (absolute below 1, relative
/// above), which another order of summation may multiply a little. The smallest of 22 errors made on purpose, another
/// epsilon in the layer norms, gives 7.2e-4.
const TOLERANCE: f32 = 1e-4;
/// Inputs go through at most a few float64 operations before they are rounded to float32.
const INPUT_TOLERANCE: f32 = 1e-6;

fn golden() -> Golden {
    Golden::open("decoder/tiny.safetensors")
}

fn assert_agrees(prefix: &str) {
    let golden = golden();
    let device = Device::flex();
    let mut trace = Recorded::default();
    let output = golden.model(&device).forward(golden.input(&device), &golden.config(prefix), &mut trace);
    golden.assert_trace(prefix, &trace, TOLERANCE);

    let last = output.layers.last().unwrap();
    golden.assert_output(prefix, "boxes", &last.boxes, TOLERANCE);
    golden.assert_output(prefix, "presence_logits", &last.presence_logits, TOLERANCE);
    golden.assert_output(prefix, "log_spread", &last.log_spread, TOLERANCE);
    let said = output.patch_boxes.as_ref().unwrap();
    golden.assert_output(prefix, "patch_boxes.logits", &said.logits, TOLERANCE);
    golden.assert_output(prefix, "patch_boxes.log_sides", &said.log_sides, TOLERANCE);
    golden.assert_output(prefix, "knowledge_gate", &output.knowledge_gate, TOLERANCE);
    golden.assert_output(prefix, "alignment.phrases", &output.alignment.phrases, TOLERANCE);
    golden.assert_output(prefix, "alignment.patches", &output.alignment.patches, TOLERANCE);
}

#[test]
fn every_step_agrees() {
    assert_agrees("");
}

#[test]
fn every_step_agrees_without_the_window() {
    assert_agrees("local_off.");
}

#[test]
fn every_step_agrees_with_random_knowledge() {
    assert_agrees("knowledge_random.");
}

#[test]
fn every_step_agrees_without_proposals() {
    assert_agrees("start_prior.");
}

/// Where each image's lungs lie.
fn thoraxes(golden: &Golden) -> Vec<Map<Model, Thorax>> {
    let (_, values) = golden.doubles("input.model_from_thorax");
    values.chunks_exact(4).map(|m| Map::new([m[0], m[1]], [m[2], m[3]]).unwrap()).collect()
}

#[test]
fn positions_agree() {
    let golden = golden();
    let (shape, expected) = golden.floats("input.positions");
    let found: Vec<f32> = thoraxes(&golden).iter().flat_map(|map| position_features(4, &map.inverse())).collect();
    assert_close("positions", &shape, &found, &expected, INPUT_TOLERANCE);
}

#[test]
fn upsampling_agrees() {
    let (shape, expected) = golden().floats("input.upsample");
    assert_close("upsample", &shape, &upsampling(4 * CELLS_PER_PATCH, 4), &expected, INPUT_TOLERANCE);
}

#[test]
fn pixel_patches_agree() {
    const CELLS: [usize; 5] = [0, 7, 27, 56, 63];
    let golden = golden();
    let (images, side) = golden.pixels();
    let (shape, expected) = golden.floats("input.pixel_patches");
    let mut found = Vec::new();
    for image in &images {
        let patches = pixel_patches(image, side, PATCH);
        CELLS
            .iter()
            .for_each(|cell| found.extend_from_slice(&patches[cell * PATCH * PATCH..(cell + 1) * PATCH * PATCH]));
    }
    assert_close("pixel_patches", &shape, &found, &expected, INPUT_TOLERANCE);
}

#[test]
fn priors_agree() {
    let golden = golden();
    let (_, maps) = golden.floats("input.prior_maps");
    let (_, references) = golden.doubles("input.prior_references");
    let (_, seen) = golden.floats("input.prior");
    let (_, boxes) = golden.floats("input.prior_boxes");
    let thoraxes = thoraxes(&golden);
    // The sixth phrase is padding.
    for row in 0..5 {
        let prior = Prior {
            map: maps[row * MAP_SIDE * MAP_SIDE..(row + 1) * MAP_SIDE * MAP_SIDE].to_vec(),
            reference: Box2::from_xyxy(references[row * 4..row * 4 + 4].try_into().unwrap()).unwrap(),
            source: String::new(),
        };
        let found = prior.on_image(&thoraxes[row / 3], 4);
        assert_close(&format!("prior {row}"), &[16], &found.map, &seen[row * 16..(row + 1) * 16], INPUT_TOLERANCE);
        let reference = found.reference.cxcywh().map(|c| c as f32);
        assert_close(&format!("box {row}"), &[4], &reference, &boxes[row * 4..row * 4 + 4], INPUT_TOLERANCE);
    }
}

//! The criterion against sums written out (`reference/criterion.py`, `reference/patch_loss.py`), and laws of its
//! contrast, whose negatives are random.

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::Golden;
use knowmvg::geometry::{Box2, Model};
use knowmvg::model::box_head::Boxes;
use knowmvg::model::proposals::PatchBoxes;
use knowmvg::model::{Alignment, GroundingOutput};
use knowmvg::train::criterion::{LossTerms, LossWeights, Target, Targets, loss};
use rand::SeedableRng;
use rand::rngs::StdRng;

const PHRASES: usize = 4;
const QUERIES: usize = 4;
const GRID: usize = 4;
const WIDTH: usize = 8;
/// Sums of at most 200 float32 terms, relative.
const TOLERANCE: f64 = 2e-5;

fn golden() -> Golden {
    Golden::open("decoder/criterion.safetensors")
}

fn tensor(values: Vec<f32>, shape: [usize; 3]) -> Tensor<3> {
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// The golden's predictions; every patch and phrase looks like the given one.
fn output(golden: &Golden, patch: impl Fn(usize) -> f32) -> GroundingOutput {
    let device = Device::flex();
    let read = |index: usize, name: &str| golden.tensor::<3>(&format!("input.layers.{index}.{name}"), &device);
    let layer = |index| Boxes {
        boxes: read(index, "boxes"),
        presence_logits: read(index, "presence_logits"),
        log_spread: read(index, "log_spread"),
    };
    let patches = (0..2 * GRID * GRID * WIDTH).map(|i| patch(i / WIDTH % (GRID * GRID))).collect();
    GroundingOutput {
        layers: vec![layer(0), layer(1)],
        global_maps: vec![read(0, "global_map"), read(1, "global_map")],
        patch_boxes: Some(PatchBoxes {
            logits: golden.tensor("input.patch_boxes.logits", &device),
            log_sides: golden.tensor("input.patch_boxes.log_sides", &device),
        }),
        knowledge_gate: Tensor::zeros([2 * PHRASES, 1], &device),
        alignment: Alignment {
            phrases: tensor(vec![1.0; 2 * PHRASES * WIDTH], [2, PHRASES, WIDTH]),
            patches: tensor(patches, [2, GRID * GRID, WIDTH]),
        },
    }
}

fn targets(golden: &Golden) -> Targets {
    let (shape, counts) = golden.ints("input.counts");
    let (_, is_unlocated) = golden.ints("input.is_unlocated");
    let (_, weights) = golden.floats("input.weights");
    let (truth_shape, truth) = golden.doubles("input.truth");
    let read = |row: usize| {
        let count = usize::try_from(counts[row]).ok()?;
        let corners = truth[row * truth_shape[2] * 4..].chunks_exact(4).take(count);
        Some(Target {
            boxes: corners.map(|c| Box2::from_xyxy(c.try_into().unwrap()).unwrap()).collect(),
            is_unlocated: is_unlocated[row] == 1,
            weight: weights[row],
        })
    };
    (0..shape[0]).map(|image| (0..shape[1]).map(|phrase| read(image * shape[1] + phrase)).collect()).collect()
}

fn terms(output: &GroundingOutput, targets: &Targets) -> LossTerms {
    loss(output, targets, QUERIES, &LossWeights::default(), &mut StdRng::seed_from_u64(7)).1
}

fn assert_near(name: &str, found: f64, expected: f64, tolerance: f64) {
    let error = (found - expected).abs();
    println!("{name}: difference {error:e}");
    assert!(error <= tolerance * expected.abs().max(1.0), "{name}: expected {expected}, found {found}");
}

#[test]
fn every_term_agrees() {
    let golden = golden();
    let found = terms(&output(&golden, |_| 1.0), &targets(&golden));
    let expected = |name: &str| golden.doubles(&format!("output.{name}")).1[0];
    assert_near("l1", found.l1, expected("l1"), TOLERANCE);
    assert_near("giou", found.giou, expected("giou"), TOLERANCE);
    assert_near("presence", found.presence, expected("presence"), TOLERANCE);
    assert_near("attention", found.attention, expected("attention"), TOLERANCE);
    assert_near("spread", found.spread, expected("spread"), TOLERANCE);
    assert_near("patch_score", found.patch_score, expected("patch_score"), TOLERANCE);
    assert_near("patch_box", found.patch_box, expected("patch_box"), TOLERANCE);
}

#[test]
fn the_total_is_the_weighted_sum() {
    let golden = golden();
    let found = terms(&output(&golden, |patch| patch as f32 - 7.5), &targets(&golden));
    let weights = LossWeights::default();
    let sum = weights.l1 * found.l1
        + weights.giou * found.giou
        + weights.presence * found.presence
        + weights.attention * found.attention
        + weights.spread * found.spread
        + weights.contrast * found.contrast
        + weights.patch_score * found.patch_score
        + weights.patch_box * found.patch_box;
    assert_near("total", found.total, sum, TOLERANCE);
}

#[test]
fn the_order_of_true_boxes_is_free() {
    let golden = golden();
    let output = output(&golden, |_| 1.0);
    // Without the phrase that has more boxes than queries, of which the first ones count.
    let mut truth = targets(&golden);
    truth[1][1] = None;
    let before = terms(&output, &truth);
    for target in truth.iter_mut().flatten().flatten() {
        target.boxes.reverse();
    }
    let after = terms(&output, &truth);
    assert_near("l1", after.l1, before.l1, TOLERANCE);
    assert_near("giou", after.giou, before.giou, TOLERANCE);
    assert_near("presence", after.presence, before.presence, TOLERANCE);
    assert_near("patch_score", after.patch_score, before.patch_score, TOLERANCE);
    assert_near("patch_box", after.patch_box, before.patch_box, TOLERANCE);
}

#[test]
fn exact_boxes_cost_nothing() {
    let golden = golden();
    let mut output = output(&golden, |_| 1.0);
    let device = Device::flex();
    let predicted = golden.tensor::<3>("input.layers.1.boxes", &device);
    output.layers.iter_mut().for_each(|layer| layer.boxes = predicted.clone());
    let (_, boxes) = golden.floats("input.layers.1.boxes");
    let as_truth = |query: usize| Box2::from_cxcywh(std::array::from_fn(|i| f64::from(boxes[query * 4 + i]))).unwrap();
    let truth: Targets = (0..2)
        .map(|image| (0..PHRASES).map(|phrase| Some(exact((image * PHRASES + phrase) * QUERIES, &as_truth))).collect())
        .collect();
    let found = terms(&output, &truth);
    // Corners of narrow boxes lose digits in float32.
    assert!(found.l1 < 1e-6 && found.giou < 1e-4, "{found:?}");
}

/// The first two queries of a phrase, in the other order.
fn exact(first: usize, as_truth: &dyn Fn(usize) -> Box2<Model>) -> Target {
    Target { boxes: vec![as_truth(first + 1), as_truth(first)], is_unlocated: false, weight: 1.0 }
}

/// One phrase in the batch.
fn only(target: Target) -> Targets {
    let mut first = vec![None; PHRASES];
    first[0] = Some(target);
    vec![first, vec![None; PHRASES]]
}

/// One phrase whose box is patch 5 of the 4 x 4 grid; its mirror image is patch 6.
fn one_box() -> Targets {
    let bounds = Box2::from_xyxy([0.25, 0.25, 0.5, 0.5]).unwrap();
    only(Target { boxes: vec![bounds], is_unlocated: false, weight: 0.7 })
}

fn contrast(patch: impl Fn(usize) -> f32) -> f64 {
    terms(&output(&golden(), patch), &one_box()).contrast
}

#[test]
fn regions_that_look_alike_cannot_be_told_apart() {
    // The true region among six.
    assert_near("contrast", contrast(|_| 1.0), 6.0_f64.ln(), 1e-5);
}

#[test]
fn contrast_is_least_where_only_the_true_region_looks_like_the_phrase() {
    // A negative overlaps by an IoU below 1/4, that is, by less than half of its area.
    assert!(contrast(|patch| if patch == 5 { 1.0 } else { -1.0 }) < 1e-6);
    // ln(1 + 5 exp(2 / 0.1)): all five negatives fit and the truth does not.
    let worst = 20.0 + 5.0_f64.ln();
    assert_near("contrast", contrast(|patch| if patch == 5 { -1.0 } else { 1.0 }), worst, 1e-4);
}

#[test]
fn the_mirrored_region_is_a_negative() {
    let both = contrast(|patch| if patch == 5 || patch == 6 { 1.0 } else { -1.0 });
    assert!(both >= 2.0_f64.ln() - 1e-5, "{both}");
}

#[test]
fn phrases_without_boxes_have_no_contrast() {
    let golden = golden();
    let targets = only(Target { boxes: vec![], is_unlocated: false, weight: 1.0 });
    let found = terms(&output(&golden, |patch| patch as f32), &targets);
    assert_eq!([found.l1, found.giou, found.spread, found.attention, found.contrast, found.patch_box], [0.0; 6]);
    assert!(found.presence > 0.0 && found.patch_score > 0.0);
}

#[test]
fn what_nobody_located_asks_one_query_to_be_sure() {
    let output = output(&golden(), |patch| patch as f32);
    let score = |is_unlocated| terms(&output, &only(Target { boxes: vec![], is_unlocated, weight: 1.0 }));
    let (unlocated, absent) = (score(true), score(false));
    assert_eq!([unlocated.l1, unlocated.giou, unlocated.contrast, unlocated.patch_box], [0.0; 4]);
    assert!(unlocated.presence > 0.0 && unlocated.presence < absent.presence, "{unlocated:?} {absent:?}");
    // Some patches score high, which is right if the image shows the phrase and wrong if it does not.
    assert!(unlocated.patch_score > 0.0 && unlocated.patch_score < absent.patch_score, "{unlocated:?} {absent:?}");
}

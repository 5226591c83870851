//! Laws of where boxes are first looked for, and of the blocks that see their neighbours, on the batch of the golden.

mod common;

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use common::{Golden, Recorded, assert_close};
use knowmvg::model::config::{ModelConfig, StartSwitch};
use knowmvg::model::trace::values;
use knowmvg::model::{GroundingInput, GroundingModel, params};

/// The same operations on the same numbers.
const TOLERANCE: f32 = 1e-6;
/// What counts as a change, to show that a law could fail.
const CHANGE: f32 = 1e-3;

struct Bench {
    model: GroundingModel,
    input: GroundingInput,
    config: ModelConfig,
}

impl Bench {
    fn new() -> Self {
        let golden = Golden::open("decoder/tiny.safetensors");
        let device = Device::flex();
        Self { model: golden.model(&device), input: golden.input(&device), config: golden.config("") }
    }

    /// With every parameter replaced by what `value` returns for its name and number.
    fn with(&self, value: impl Fn(&str, f32) -> f32) -> GroundingModel {
        let old: BTreeMap<String, Vec<f32>> =
            params::collect(&self.model).into_iter().map(|p| (p.name, p.values)).collect();
        params::replace(self.model.clone(), |name, _| old[name].iter().map(|v| value(name, *v)).collect())
    }

    /// The boxes of every layer.
    fn boxes(&self, model: &GroundingModel, start: StartSwitch) -> Vec<f32> {
        let mut config = self.config.clone();
        config.switches.start = start;
        let output = model.forward(self.input.clone(), &config, &mut ());
        output.layers.iter().flat_map(|layer| values(&layer.boxes)).collect()
    }
}

fn assert_same(what: &str, found: &[f32], expected: &[f32]) {
    assert_close(what, &[found.len()], found, expected, TOLERANCE);
}

fn differs(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).any(|(a, b)| (a - b).abs() > CHANGE)
}

#[test]
fn where_no_patch_shows_the_phrase_the_prior_says_where_to_start() {
    let bench = Bench::new();
    let blind = bench.with(|name, value| if name == "proposal_head.score.bias" { -100.0 } else { value });
    let prior = bench.boxes(&bench.model, StartSwitch::Prior);
    assert_same("no proposals", &bench.boxes(&blind, StartSwitch::Proposals), &prior);
    assert!(differs(&bench.boxes(&bench.model, StartSwitch::Proposals), &prior), "with proposals, they matter");
}

#[test]
fn who_starts_from_the_prior_ignores_the_proposals() {
    let bench = Bench::new();
    let other = bench.with(|name, value| if name.starts_with("proposal_head.") { value * 0.5 } else { value });
    let boxes = |model, start| bench.boxes(model, start);
    assert_same("prior", &boxes(&other, StartSwitch::Prior), &boxes(&bench.model, StartSwitch::Prior));
    let (changed, before) = (boxes(&other, StartSwitch::Proposals), boxes(&bench.model, StartSwitch::Proposals));
    assert!(differs(&changed, &before), "who starts from proposals does not");
}

#[test]
fn the_neck_sees_one_patch_further_with_every_block() {
    const GRID: usize = 4;
    let bench = Bench::new();
    let tokens = |input: GroundingInput| {
        let mut trace = Recorded::default();
        bench.model.forward(input, &bench.config, &mut trace);
        trace.get("visual_tokens").to_vec()
    };
    let at_first: Vec<f32> = (0..GRID * GRID).map(|patch| if patch == 0 { 1.0 } else { 0.0 }).collect();
    let at_first =
        Tensor::<3>::from_data(TensorData::new(at_first, [1, GRID * GRID, 1]), &bench.input.images.tokens.device());
    let mut louder = bench.input.clone();
    louder.images.tokens = louder.images.tokens + at_first;
    let (before, after) = (tokens(bench.input.clone()), tokens(louder));
    let rows = before.chunks_exact(bench.config.width).zip(after.chunks_exact(bench.config.width));
    for (index, (before, after)) in rows.enumerate() {
        let patch = index % (GRID * GRID);
        let away = (patch % GRID).max(patch / GRID);
        match away <= bench.config.neck_blocks {
            true => assert!(differs(after, before), "patch {patch} sees the first one"),
            false => assert_same(&format!("patch {patch}"), after, before),
        }
    }
}

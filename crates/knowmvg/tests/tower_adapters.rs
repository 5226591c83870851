//! Laws of the tower's adapters, and their gradients against Burn's autodiff on a second, slow writing of the same layers.

#[path = "common/tower.rs"]
mod tower;

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use knowmvg::model::adapters::TowerAdapters;
use knowmvg::model::config::AdapterConfig;
use knowmvg::model::params::{self, NamedParam, Stored};
use knowmvg::model::vision::VisionTower;
use knowmvg::model::visual_tokens::standardise;
use knowmvg::model::weights::{WeightError, WeightFile};
use knowmvg::train::tower::Tail;
use safetensors::SafeTensors;

const SIDE: usize = 70;
const WIDTH: usize = 24;
const HEADS: usize = 2;
/// The tiny tower has three layers: the last two are changed.
const MIDDLE: usize = 0;
const CONFIG: AdapterConfig = AdapterConfig { rank: 3, alpha: 6.0 };

struct Tiny {
    weights: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    pixels: Vec<f32>,
    tower: VisionTower,
}

fn tiny() -> Tiny {
    let bytes = std::fs::read(tower::repository("golden/tower/tiny.safetensors")).unwrap();
    let golden = SafeTensors::deserialize(&bytes).unwrap();
    let weight = |name: &str| Some((name.strip_prefix("weight.")?.to_owned(), name.to_owned()));
    let weights = golden.names().into_iter().filter_map(weight);
    let weights = weights
        .map(|(short, name)| (short, (golden.tensor(&name).unwrap().shape().to_vec(), tower::floats(&golden, &name))));
    Tiny {
        weights: weights.collect(),
        pixels: tower::floats(&golden, &format!("input.pixel_values_{SIDE}")),
        tower: tower::tiny(&golden),
    }
}

/// Numbers between -1 and 1 that look random.
fn numbers(seed: usize, count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729 + 13) as f32 * 0.618_034).sin()).collect()
}

fn untouched(tower: &VisionTower) -> TowerAdapters {
    params::build(|| TowerAdapters::init_after(MIDDLE, &CONFIG, tower.config(), &Device::flex()))
}

/// Adapters that change something everywhere.
fn learnt(tower: &VisionTower) -> TowerAdapters {
    let mut seed = 0;
    params::replace(untouched(tower), |_, shape| {
        seed += 1;
        numbers(seed, shape.iter().product()).into_iter().map(|v| v * 0.3).collect()
    })
}

fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(f, e)| (f - e).abs()).fold(0.0, f32::max)
}

fn standardised_patches(last: &[f32], width: usize) -> Vec<f32> {
    let mut patches = last[width..].to_vec();
    standardise(&mut patches, width);
    patches
}

/// Before anything is learnt, the tail gives what the tower gives; so do the shipped tower's own three layers.
#[test]
fn adapters_that_learnt_nothing_change_nothing() {
    let Tiny { tower, pixels, .. } = tiny();
    let adapters = untouched(&tower);
    let output = tower.forward(&pixels, SIDE, &[MIDDLE]).unwrap();
    assert_eq!(output.hidden_states[0], tower.hidden_state(&pixels, SIDE, MIDDLE).unwrap());
    assert_eq!(output.last_hidden_state, tower.continue_after(MIDDLE, output.hidden_states[0].clone()));
    let (found, _) = Tail::new(&tower, &adapters).forward(output.hidden_states[0].clone());
    assert!(largest_difference(&found, &standardised_patches(&output.last_hidden_state, WIDTH)) < 1e-4);
    let merged = adapters.merged_into(&tower).forward(&pixels, SIDE, &[]).unwrap();
    assert_eq!(merged.last_hidden_state, output.last_hidden_state);

    let shipped = tower::shipped();
    let width = shipped.config().hidden_size;
    let pixels = numbers(1, 3 * 112 * 112);
    let output = shipped.forward(&pixels, 112, &[8]).unwrap();
    let adapters = params::build(|| TowerAdapters::init(&CONFIG, shipped.config(), &Device::flex()));
    let (found, _) = Tail::new(&shipped, &adapters).forward(output.hidden_states[0].clone());
    assert!(largest_difference(&found, &standardised_patches(&output.last_hidden_state, width)) < 1e-4);
}

/// A finished model's tower, with the changes in its weights, gives what the decoder was trained with, and something else
/// than the tower alone.
#[test]
fn merged_adapters_are_adapters_beside_the_tower() {
    let Tiny { tower, pixels, .. } = tiny();
    let adapters = learnt(&tower);
    let middle = tower.hidden_state(&pixels, SIDE, MIDDLE).unwrap();
    let (beside, _) = Tail::new(&tower, &adapters).forward(middle.clone());
    let merged = adapters.merged_into(&tower).forward(&pixels, SIDE, &[MIDDLE]).unwrap();
    assert_eq!(merged.hidden_states[0], middle, "the middle layer is not changed");
    assert!(largest_difference(&beside, &standardised_patches(&merged.last_hidden_state, WIDTH)) < 1e-4);
    let frozen = standardised_patches(&tower.forward(&pixels, SIDE, &[]).unwrap().last_hidden_state, WIDTH);
    assert!(largest_difference(&beside, &frozen) > 0.1);
}

/// Files name the changes as PEFT does; a name too few or too many is an error.
#[test]
fn names_in_files_are_those_of_peft_and_strict() {
    let Tiny { tower, .. } = tiny();
    let adapters = learnt(&tower);
    let named = |p: NamedParam| NamedParam { name: adapters.name_in_file(&p.name), ..p };
    let mut saved: Vec<NamedParam> = params::collect(&adapters).into_iter().map(named).collect();
    assert_eq!(saved[0].name, "base_model.model.encoder.layer.1.attention.attention.query.lora_A.weight");
    assert_eq!(saved[0].shape, [3, WIDTH]);
    assert_eq!(saved[7].name, "base_model.model.encoder.layer.1.attention.output.dense.lora_B.weight");
    assert_eq!(saved[23].name, "base_model.model.encoder.layer.2.mlp.fc2.lora_B.weight");

    let path = std::env::temp_dir().join(format!("knowmvg-adapters-{}.safetensors", std::process::id()));
    let read = |saved: &[NamedParam]| {
        params::save(&path, saved, Stored::F32, BTreeMap::new()).unwrap();
        let file = WeightFile::open(&path).unwrap();
        let mut loader = file.loader().unwrap();
        let read = untouched(&tower).load(&mut loader);
        loader.finish().map(|()| params::collect(&read))
    };
    assert_eq!(read(&saved).unwrap(), params::collect(&adapters));
    let removed = saved.pop().unwrap();
    assert!(
        matches!(read(&saved), Err(WeightError::Mismatch(problems)) if problems[0].starts_with("missing base_model"))
    );
    saved.push(removed.clone());
    saved.push(NamedParam { name: removed.name.replace("fc2", "fc3"), ..removed });
    assert!(
        matches!(read(&saved), Err(WeightError::Mismatch(problems)) if problems[0].starts_with("unused base_model"))
    );
    std::fs::remove_file(path).unwrap();
}

/// The layers after the middle one, written for clarity, in Burn.
struct Slow<'t> {
    weights: &'t BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    changes: BTreeMap<String, Tensor<2>>,
    device: Device,
}

impl Slow<'_> {
    fn vector(&self, name: &str) -> Tensor<2> {
        let (_, values) = &self.weights[name];
        Tensor::from_data(TensorData::new(values.clone(), [1, values.len()]), &self.device)
    }

    fn norm(&self, rows: Tensor<2>, name: &str) -> Tensor<2> {
        centred(rows, 1e-6) * self.vector(&format!("{name}.weight")) + self.vector(&format!("{name}.bias"))
    }

    fn linear(&self, rows: Tensor<2>, map: &str, change: &str) -> Tensor<2> {
        let (shape, values) = &self.weights[&format!("{map}.weight")];
        let weight = Tensor::<2>::from_data(TensorData::new(values.clone(), shape.clone()), &self.device);
        let [a, b] = ["lora_a", "lora_b"].map(|m| self.changes[&format!("{change}.{m}")].clone());
        let changed = weight + b.matmul(a) * CONFIG.scale();
        rows.matmul(changed.transpose()) + self.vector(&format!("{map}.bias"))
    }

    fn layer(&self, tokens: Tensor<2>, index: usize) -> Tensor<2> {
        let [count, width] = tokens.dims();
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let change = |part: &str| format!("layers.{}.{part}", index - MIDDLE - 1);
        let seen = self.norm(tokens.clone(), &name("norm1"));
        let [query, key, value] = ["query", "key", "value"].map(|part| {
            let rows = self.linear(seen.clone(), &name(&format!("attention.attention.{part}")), &change(part));
            rows.reshape([count, HEADS, width / HEADS]).swap_dims(0, 1)
        });
        let weights = softmax(query.matmul(key.swap_dims(1, 2)) / ((width / HEADS) as f64).sqrt(), 2);
        let context = weights.matmul(value).swap_dims(0, 1).reshape([count, width]);
        let attended = self.linear(context, &name("attention.output.dense"), &change("projection"));
        let tokens = tokens + attended * self.vector(&name("layer_scale1.lambda1"));
        let hidden = gelu(self.linear(self.norm(tokens.clone(), &name("norm2")), &name("mlp.fc1"), &change("fc1")));
        let mixed = self.linear(hidden, &name("mlp.fc2"), &change("fc2"));
        tokens + mixed * self.vector(&name("layer_scale2.lambda1"))
    }
}

fn centred(rows: Tensor<2>, epsilon: f64) -> Tensor<2> {
    let rows = rows.clone() - rows.mean_dim(1);
    rows.clone() / (rows.powi_scalar(2).mean_dim(1) + epsilon).sqrt()
}

/// Every gradient, relative to its matrix's largest one.
#[test]
fn gradients_agree_with_autodiff() {
    let Tiny { tower, pixels, weights } = tiny();
    let adapters = learnt(&tower);
    let middle = tower.hidden_state(&pixels, SIDE, MIDDLE).unwrap();
    let count = middle.len() / WIDTH;
    let slope = numbers(99, (count - 1) * WIDTH);

    let device = Device::flex().autodiff();
    let named = params::collect(&adapters);
    let leaf = |p: &NamedParam| {
        let data = TensorData::new(p.values.clone(), p.shape.clone());
        (p.name.clone(), Tensor::<2>::from_data(data, &device).require_grad())
    };
    let slow = Slow { weights: &weights, changes: named.iter().map(leaf).collect(), device: device.clone() };
    let tokens = Tensor::<2>::from_data(TensorData::new(middle.clone(), [count, WIDTH]), &device);
    let last = slow.norm(slow.layer(slow.layer(tokens, 1), 2), "layernorm");
    let expected = centred(last.slice([1..count, 0..WIDTH]), 1e-6);
    let towards = Tensor::<2>::from_data(TensorData::new(slope.clone(), [count - 1, WIDTH]), &device);
    let gradients = (expected.clone() * towards).sum().backward();

    let tail = Tail::new(&tower, &adapters);
    let (found, seen) = tail.forward(middle);
    let values = |t: Tensor<2>| t.into_data().try_into_vec::<f32>().unwrap();
    assert!(largest_difference(&found, &values(expected)) < 1e-4);
    let found = tail.backward(&seen, &slope);
    let found = found.into_iter().flatten().flat_map(|change| [change.a, change.b]);
    for (param, found) in named.iter().zip(found) {
        let expected = values(slow.changes[&param.name].grad(&gradients).expect("every change is used"));
        let size = expected.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
        assert!(size > 1e-3, "{}: nothing to compare", param.name);
        let error = largest_difference(&found, &expected) / size;
        assert!(error < 1e-3, "{}: differs by {error:e} of {size}", param.name);
    }
    assert_eq!(adapters.num_params(), named.iter().map(|p| p.values.len()).sum::<usize>());
}

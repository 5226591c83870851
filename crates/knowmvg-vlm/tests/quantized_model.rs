//! Whole models whose matrices stay quantised, or become so: close to the reference, and the same whichever way they are
//! asked.

mod common;

use burn::tensor::Tensor;
use common::{Golden, Side, assert_close, logits, padded_logits, path, row_batch, row_logits, values};
use knowmvg_vlm::text::{Cache, LoraAdapters, LoraConfig, Target, TextBatch};
use knowmvg_vlm::{LoadOptions, VisionLanguageModel, Weights};

/// Root of the mean square: logits reach 10, rows are rounded to 8 bits before each product, and random weights carry every
/// such step on to the end, where a trained model does not.
const ROUNDED: f32 = 0.25;
/// The same products after attention in sums of another order; a step of 8 bits may then fall to the other side.
const REORDERED: f32 = 0.05;

fn load(name: &str, weights: Weights) -> VisionLanguageModel {
    VisionLanguageModel::load_with(&path(name), &LoadOptions { weights }).unwrap_or_else(|e| panic!("{e}"))
}

/// Printed, as the largest difference is elsewhere.
fn difference(what: &str, found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len(), "{what}: other sizes");
    let squares = found.iter().zip(expected).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
    let root = (squares / found.len() as f32).sqrt();
    println!("{what}: {root}");
    root
}

/// Rounded, and not by more than that.
fn assert_rounded(what: &str, found: &[f32], expected: &[f32]) {
    let difference = difference(what, found, expected);
    assert!(difference > 1e-4 && difference <= ROUNDED, "{what}: {difference}");
}

/// The golden stores the logit of every third token of the vocabulary.
fn stored(logits: Vec<Vec<f32>>) -> Vec<f32> {
    logits.iter().flat_map(|row| row.iter().step_by(3).copied()).collect()
}

/// Every kind of block that is read is in this file, and its rows of query and key are in llama.cpp's order.
#[test]
fn stored_blocks_agree_with_the_reference() {
    let golden = Golden::open("llama_gguf.safetensors");
    let model = load("llama.gguf", Weights::AsStored);
    let found = stored(row_logits(&model, &golden.ids("text.ids"), &[]));
    assert_rounded("as stored", &found, &golden.floats("text.logits"));
}

#[test]
fn eight_bits_agree_with_the_reference() {
    let golden = Golden::open("llama.safetensors");
    let model = load("llama", Weights::Int8);
    let found = stored(row_logits(&model, &golden.ids("text.ids"), &[]));
    assert_rounded("eight bits", &found, &golden.floats("text.logits"));
}

#[test]
fn eight_bits_see_pictures() {
    for name in ["qwen2_5_vl", "qwen3_vl"] {
        let golden = Golden::open(&format!("{name}.safetensors"));
        let model = load(name, Weights::Int8);
        let found = stored(row_logits(&model, &golden.ids("image.ids"), &golden.patches(&model)));
        assert_rounded(&format!("{name}, pictures"), &found, &golden.floats("image.logits"));
    }
}

/// A folder of floats has nothing that is stored in fewer bits.
#[test]
fn floats_stay_floats() {
    let golden = Golden::open("llama.safetensors");
    let [full, as_stored] = [Weights::Full, Weights::AsStored]
        .map(|weights| row_logits(&load("llama", weights), &golden.ids("text.ids"), &[]));
    assert_eq!(full, as_stored);
}

#[test]
fn padding_changes_little() {
    let golden = Golden::open("qwen2_5_vl.safetensors");
    let model = load("qwen2_5_vl", Weights::Int8);
    let first = golden.patches(&model).remove(0);
    let rows = golden.rows();
    let length = rows.iter().map(Vec::len).max().unwrap();
    for side in [Side::Left, Side::Right] {
        let found = stored(padded_logits(&model, &rows, side, length, std::slice::from_ref(&first)));
        assert_rounded(&format!("padded {side:?}"), &found, &golden.floats("padded.logits"));
    }
}

/// One token after the other, as generation does it, against all at once.
#[test]
fn a_cache_remembers_what_one_pass_sees() {
    let golden = Golden::open("llama_gguf.safetensors");
    let ids = golden.ids("text.ids");
    let model = load("llama.gguf", Weights::AsStored);
    let at_once = row_logits(&model, &ids, &[]);
    let mut cache = Cache::default();
    let mut found = logits(&model, row_batch(&model, &ids[..3], &[]), &mut cache);
    for id in &ids[3..] {
        let embeds = model.language().embed(&[vec![*id]]).unwrap();
        let step = TextBatch::without_images(embeds, vec![vec![true]], cache.continued(1));
        found.extend(logits(&model, step, &mut cache));
    }
    assert_close("in steps", &found.concat(), &at_once.concat(), REORDERED);
}

/// What is learnt on floats is applied to quantised weights.
#[test]
fn low_rank_changes_apply() {
    let golden = Golden::open("llama_gguf.safetensors");
    let ids = golden.ids("text.ids");
    let [full, as_stored] = [Weights::Full, Weights::AsStored].map(|weights| load("llama.gguf", weights));
    let config = LoraConfig { r: 4, lora_alpha: 8.0, target_modules: Target::ALL.to_vec() };
    let adapters = LoraAdapters::init(&config, full.language().config(), full.device());
    let adapters = burn::module::Module::map(adapters, &mut Shifted);
    let changed = |model: &VisionLanguageModel| {
        let rows =
            model.language().adapted_hidden_states(row_batch(model, &ids, &[]), &mut Cache::default(), Some(&adapters));
        values(&model.language().logits(rows.unwrap()))
    };
    let expected = changed(&full);
    let before = row_logits(&full, &ids, &[]).concat();
    assert!(difference("the change", &before, &expected) > 4.0 * ROUNDED, "the change has to be seen");
    assert_rounded("changed", &changed(&as_stored), &expected);
}

/// Moves every number of the adapters, whose `B` begins at zero.
struct Shifted;

impl burn::module::ModuleMapper for Shifted {
    fn map_float<const D: usize>(&mut self, param: burn::module::Param<Tensor<D>>) -> burn::module::Param<Tensor<D>> {
        param.map(|tensor| {
            let count = tensor.shape().num_elements();
            let shift: Vec<f32> = (0..count).map(|i| ((i * 7919 % 101) as f32 - 50.0) / 500.0).collect();
            let dims = tensor.dims();
            let device = tensor.device();
            tensor + Tensor::from_data(burn::tensor::TensorData::new(shift, dims), &device)
        })
    }
}

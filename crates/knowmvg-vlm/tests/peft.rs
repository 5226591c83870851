//! Changes of a language model against PEFT (`reference/export_peft_golden.py`): beside the weights, as an adapter, and in the weights.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use common::{Golden, assert_close, path, row_batch, row_logits, values};
use knowmvg::model::config::ModelConfig;
use knowmvg::model::params::{self, Stored};
use knowmvg_vlm::VisionLanguageModel;
use knowmvg_vlm::grounding::folder::{fingerprint, read_learnt_for};
use knowmvg_vlm::grounding::{GroundingAdapter, GroundingConfig, file, peft};
use knowmvg_vlm::text::{Cache, LoraConfig, Target};
use safetensors::SafeTensors;
use serde_json::Value;

const MODELS: [&str; 2] = ["llama", "qwen2_5_vl"];
/// Logits reach 20; as in `golden.rs`.
const TOLERANCE: f32 = 1e-4;

/// A model folder, but for the decoder: a tiny checkpoint, and PEFT's changes as training would have stored them.
struct Learnt {
    folder: PathBuf,
    name: &'static str,
    config: GroundingConfig,
}

impl Learnt {
    fn new(name: &'static str, test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("knowmvg-peft-{}-{test}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("language")).unwrap();
        for entry in fs::read_dir(path(name)).unwrap() {
            let from = entry.unwrap().path();
            fs::copy(&from, folder.join("language").join(from.file_name().unwrap())).unwrap();
        }
        let lora = LoraConfig { r: 2, lora_alpha: 4.0, target_modules: Target::ALL.into() };
        let config = GroundingConfig { lora: Some(lora), ..GroundingConfig::default() };
        let learnt = Self { folder, name, config };
        learnt.store();
        learnt
    }

    fn language(&self) -> PathBuf {
        self.folder.join("language")
    }

    fn store(&self) {
        let model = VisionLanguageModel::load(&self.language()).unwrap();
        let decoder = ModelConfig::default();
        let fresh = params::build(|| GroundingAdapter::init(&self.config, &model, &decoder, &Device::flex()));
        let golden = Golden::open(&format!("peft/{}/adapter_model.safetensors", self.name));
        let body = if model.vision().is_some() { "model.language_model" } else { "model" };
        let adapter = params::replace(fresh, |own, shape| match own.strip_prefix("lora.layers.") {
            None => (0..shape.iter().product()).map(|i: usize| (i % 7) as f32 / 7.0 - 0.4).collect(),
            Some(own) => {
                let [layer, map, half, _] = own.split('.').collect::<Vec<_>>()[..] else { panic!("{own}") };
                let path = Target::ALL.map(Target::path).into_iter().find(|path| path.ends_with(map)).unwrap();
                let half = half.replace("_a", "_A").replace("_b", "_B");
                let theirs = golden.floats(&format!("base_model.model.{body}.layers.{layer}.{path}.{half}.weight"));
                // Ours multiplies from the right.
                let [rows, cols] = [shape[0], shape[1]];
                (0..rows * cols).map(|i| theirs[i % cols * rows + i / cols]).collect()
            }
        });
        let metadata = BTreeMap::from([(file::LANGUAGE.to_owned(), fingerprint(&self.language()).unwrap())]);
        file::save(&self.folder.join(file::WEIGHTS), &params::collect(&adapter), Stored::F32, metadata).unwrap();
        fs::write(self.folder.join(file::CONFIG), serde_json::to_vec(&self.config).unwrap()).unwrap();
    }

    fn golden(&self) -> Golden {
        Golden::open(&format!("peft/{}.safetensors", self.name))
    }
}

impl Drop for Learnt {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn third(rows: Vec<Vec<f32>>) -> Vec<f32> {
    rows.iter().flat_map(|row| row.iter().step_by(3).copied()).collect()
}

#[test]
fn changes_beside_the_weights_give_the_logits_that_peft_gives() {
    for name in MODELS {
        let learnt = Learnt::new(name, "beside");
        let golden = learnt.golden();
        let model = VisionLanguageModel::load(&learnt.language()).unwrap();
        let decoder = ModelConfig::default();
        let adapter = read_learnt_for(&learnt.folder, &learnt.language(), &learnt.config, &model, &decoder).unwrap();
        let ids = golden.ids("ids");
        let language = model.language();
        let hidden =
            language.adapted_hidden_states(row_batch(&model, &ids, &[]), &mut Cache::default(), adapter.lora.as_ref());
        let logits = values(&language.logits(hidden.unwrap()));
        let found = third(logits.chunks(language.config().vocab_size).map(<[f32]>::to_vec).collect());
        assert_close(name, &found, &golden.floats("adapter.logits"), TOLERANCE);
    }
}

#[test]
fn an_exported_adapter_is_the_one_that_peft_writes() {
    for name in MODELS {
        let learnt = Learnt::new(name, "adapter");
        let out = learnt.folder.join("out");
        peft::export_adapter(&learnt.folder, &out).unwrap();
        let theirs = path(&format!("peft/{name}"));
        let files = [&out, &theirs].map(|folder| fs::read(folder.join("adapter_model.safetensors")).unwrap());
        let [ours, golden] = files.each_ref().map(|bytes| SafeTensors::deserialize(bytes).unwrap());
        let sorted = |file: &SafeTensors| -> Vec<String> {
            let mut names: Vec<String> = file.names().into_iter().map(str::to_owned).collect();
            names.sort();
            names
        };
        assert_eq!(sorted(&ours), sorted(&golden));
        for (tensor, expected) in golden.tensors() {
            let found = ours.tensor(&tensor).unwrap();
            assert_eq!((found.shape(), found.dtype()), (expected.shape(), expected.dtype()), "{tensor}");
            assert!(found.data() == expected.data(), "{tensor}");
        }
        let configs = [&out, &theirs].map(|folder| json(&folder.join("adapter_config.json")));
        let [ours, golden] = configs.map(|config| config.as_object().unwrap().clone());
        for (key, found) in ours.iter().filter(|(key, _)| *key != "base_model_name_or_path") {
            assert_eq!(unordered(found), unordered(&golden[key]), "{key}");
        }
    }
}

#[test]
fn a_merged_checkpoint_gives_the_logits_that_peft_merges_and_keeps_what_is_not_changed() {
    for name in MODELS {
        let learnt = Learnt::new(name, "merged");
        let golden = learnt.golden();
        let out = learnt.folder.join("out");
        peft::export_merged(&learnt.folder, &out).unwrap();
        // Loading is strict about every tensor and key.
        let merged = VisionLanguageModel::load(&out).unwrap_or_else(|e| panic!("{e}"));
        let vocabulary = 278;
        assert_eq!(merged.language().config().vocab_size, vocabulary + 1);
        assert_eq!(merged.tokenizer().id(peft::BOX_TOKEN).unwrap() as usize, vocabulary);
        let rows = row_logits(&merged, &golden.ids("ids"), &[]);
        let words = rows.into_iter().map(|row| row[..vocabulary].to_vec()).collect();
        assert_close(name, &third(words), &golden.floats("merged.logits"), TOLERANCE);
        keeps_types_places_and_bytes(&learnt.language(), &out);
    }
}

/// The same tensors of the same types in files of the same names; norms, biases and towers bit for bit.
fn keeps_types_places_and_bytes(language: &Path, out: &Path) {
    let shards = |folder: &Path| -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.extension().is_some_and(|kind| kind == "safetensors"));
        found.sort();
        found
    };
    let (before, after) = (shards(language), shards(out));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.file_name(), after.file_name());
        let bytes = [before, after].map(|path| fs::read(path).unwrap());
        let [before, after] = bytes.each_ref().map(|bytes| SafeTensors::deserialize(bytes).unwrap());
        assert_eq!(before.len(), after.len());
        for (name, before) in before.tensors() {
            let after = after.tensor(&name).unwrap();
            assert_eq!(before.dtype(), after.dtype(), "{name}");
            if name.contains("norm") || name.contains("bias") || name.contains("visual") {
                assert!(before.data() == after.data(), "{name}");
            } else {
                assert!(
                    after.data()[..before.data().len()] != *before.data()
                        || name.contains("embed")
                        || name.contains("head"),
                    "{name}"
                );
            }
        }
    }
    let index = "model.safetensors.index.json";
    assert_eq!(language.join(index).exists(), out.join(index).exists());
    if out.join(index).exists() {
        assert_eq!(json(&language.join(index))["weight_map"], json(&out.join(index))["weight_map"]);
    }
}

/// Tables of published models are longer than their vocabulary: `[BOX]` takes the first row that no word has.
#[test]
fn box_takes_a_row_that_is_free() {
    let learnt = Learnt::new("llama", "free");
    let language = learnt.language();
    let mut tokenizer = json(&language.join("tokenizer.json"));
    let added = tokenizer["added_tokens"].as_array_mut().unwrap();
    let last = added.pop().unwrap();
    assert_eq!(last["id"], 277);
    fs::write(language.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let out = learnt.folder.join("out");
    peft::export_merged(&learnt.folder, &out).unwrap();
    let merged = VisionLanguageModel::load(&out).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(merged.language().config().vocab_size, 278);
    assert_eq!(merged.tokenizer().id(peft::BOX_TOKEN).unwrap(), 277);
    let row = values(&merged.language().embed(&[vec![277]]).unwrap());
    let expected: Vec<f32> = (0..row.len()).map(|i| half::f16::from_f32((i % 7) as f32 / 7.0 - 0.4).to_f32()).collect();
    assert_eq!(row, expected);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let learnt = Learnt::new("llama", "refused");
    let out = learnt.folder.join("out");
    let refused = |expected: &str| {
        let error = peft::export_merged(&learnt.folder, &out).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let lora = LoraConfig { r: 3, ..learnt.config.lora.clone().unwrap() };
    let config = GroundingConfig { lora: Some(lora), ..learnt.config.clone() };
    fs::write(learnt.folder.join(file::CONFIG), serde_json::to_vec(&config).unwrap()).unwrap();
    refused("of rank 3");
    fs::write(learnt.folder.join(file::CONFIG), serde_json::to_vec(&learnt.config).unwrap()).unwrap();
    let error = peft::export_merged(&learnt.folder, &learnt.language()).unwrap_err().to_string();
    assert!(error.contains("another folder"), "{error}");
    // A shard more is another language model.
    fs::write(learnt.language().join("model-3.safetensors"), "").unwrap();
    refused("was learnt beside");
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))).unwrap()
}

/// PEFT writes numbers as they were given and maps in the order of a set.
fn unordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items = items.clone();
            items.sort_by_key(Value::to_string);
            items.into()
        }
        Value::Number(number) => number.as_f64().into(),
        other => other.clone(),
    }
}

//! Broken and malicious files: an error that names what is wrong, and never a panic or a flood of memory.

mod common;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use common::path;
use knowmvg_vlm::config::ModelConfig;
use knowmvg_vlm::gguf::{Gguf, GgufError};
use knowmvg_vlm::{Error, VisionLanguageModel};
use proptest::prelude::*;

/// A copy of a checkpoint that a test may damage; removed in the end.
struct Copy(PathBuf);

impl Copy {
    fn of(name: &str, test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("knowmvg-vlm-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for file in std::fs::read_dir(path(name)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        Self(folder)
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.0.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }

    fn error(&self) -> String {
        let error = VisionLanguageModel::load(&self.0).err().expect("loading has to fail");
        error.to_string()
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

#[test]
fn missing_unused_and_misshapen_weights_are_one_error() {
    let copy = Copy::of("qwen2_5_vl", "sizes");
    copy.edit("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
    copy.edit("config.json", "\"depth\": 3", "\"depth\": 2");
    copy.edit("config.json", "\"intermediate_size\": 24", "\"intermediate_size\": 28");
    assert_says(
        &copy.error(),
        &[
            "missing model.layers.2.self_attn.q_proj.bias [32]",
            "unused visual.blocks.2.norm1.weight",
            "expected visual.blocks.0.mlp.gate_proj.weight [28, 16], found [24, 16]",
        ],
    );
}

#[test]
fn towers_with_learnt_places_are_read_as_strictly() {
    let copy = Copy::of("qwen3_vl", "places");
    copy.edit("config.json", "\"num_position_embeddings\": 25", "\"num_position_embeddings\": 1048576");
    copy.edit("config.json", "\"head_dim\": 16", "\"head_dim\": 20");
    copy.edit("config.json", "\n      1\n    ]", "\n      1,\n      2\n    ]");
    copy.edit("config.json", "\n        4,\n        2,\n        2", "\n        4,\n        3,\n        3");
    assert_says(
        &copy.error(),
        &[
            "expected model.visual.pos_embed.weight [1048576, 8], found [25, 8]",
            "missing model.visual.deepstack_merger_list.2.norm.weight [32]",
            "expected model.language_model.layers.1.self_attn.q_norm.weight [20], found [16]",
        ],
    );
    let copy = Copy::of("qwen3_vl", "fewer");
    copy.edit("config.json", "[\n      0,\n      1\n    ]", "[1]");
    assert_says(&copy.error(), &["unused model.visual.deepstack_merger_list.1.linear_fc1.bias"]);
}

/// Qwen3-VL is published for pictures of at least 256 x 256 pixels.
#[test]
fn a_folder_without_a_preprocessor_has_its_family_s() {
    let copy = Copy::of("qwen3_vl", "preprocessor");
    std::fs::remove_file(copy.0.join("preprocessor_config.json")).unwrap();
    let picture = common::Golden::open("qwen3_vl.safetensors").picture(0);
    let looked = VisionLanguageModel::load(&copy.0).unwrap().look(&[picture]).unwrap();
    assert_eq!((looked[0].grid.rows, looked[0].grid.columns), (50, 84));
    assert!(looked[0].values.iter().all(|value| (-1.0..=1.0).contains(value)));
}

#[test]
fn a_configuration_cannot_ask_for_memory_that_no_weight_fills() {
    let copy = Copy::of("llama", "memory");
    copy.edit("config.json", "\"intermediate_size\": 64", "\"intermediate_size\": 262144");
    assert_says(&copy.error(), &["[262144, 32]"]);
    let copy = Copy::of("llama", "overflow");
    copy.edit("config.json", "\"hidden_size\": 32", "\"hidden_size\": 18446744073709551615");
    assert_says(&copy.error(), &["hidden_size in 1..=65536", "config.json"]);
}

#[test]
fn what_would_change_the_model_is_not_ignored() {
    let changes = [
        ("\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\"", "expected hidden_act silu, found gelu"),
        ("\"attention_bias\": false", "\"attention_bias\": true", "expected attention_bias false"),
        ("\"rope_type\": \"default\"", "\"rope_type\": \"yarn\"", "expected rope_type default or mrope, found yarn"),
        ("\"use_cache\": true", "\"logit_softcap\": 30.0", "unknown keys logit_softcap"),
        ("\"model_type\": \"llama\"", "\"model_type\": \"mamba\"", "found mamba"),
        ("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "multiple of 3, found 4"),
        ("\"vocab_size\": 278", "\"vocab_size\": 0", "vocab_size in 1..="),
    ];
    let json = std::fs::read_to_string(path("llama").join("config.json")).unwrap();
    assert!(ModelConfig::from_json(json.as_bytes()).is_ok());
    for (from, to, message) in changes {
        assert!(json.contains(from), "{from}");
        assert_says(&ModelConfig::from_json(json.replacen(from, to, 1).as_bytes()).unwrap_err(), &[message]);
    }
}

/// As the published files are: keys of the language model at the top, and `rope_scaling`.
#[test]
fn a_flat_configuration_means_the_same_as_a_nested_one() {
    let json = std::fs::read(path("qwen2_5_vl").join("config.json")).unwrap();
    let mut flat: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&json).unwrap();
    let serde_json::Value::Object(mut text) = flat.remove("text_config").unwrap() else { panic!() };
    let rope = text.remove("rope_parameters").unwrap();
    flat.insert("rope_theta".into(), rope["rope_theta"].clone());
    flat.insert("rope_scaling".into(), serde_json::json!({"type": "mrope", "mrope_section": rope["mrope_section"]}));
    text.remove("model_type");
    flat.extend(text);
    let flat = serde_json::to_vec(&flat).unwrap();
    assert_eq!(ModelConfig::from_json(&flat).unwrap(), ModelConfig::from_json(&json).unwrap());
}

#[test]
fn an_index_stays_in_its_folder_and_tells_the_truth() {
    let copy = Copy::of("llama", "outside");
    copy.edit("model.safetensors.index.json", "model-00001-of", "../model-00001-of");
    assert_says(&copy.error(), &["expected files beside the index", "index.json"]);
    let copy = Copy::of("llama", "index");
    let index = std::fs::read_to_string(path("llama").join("model.safetensors.index.json")).unwrap();
    let line = index.lines().find(|line| line.contains("model.norm.weight")).unwrap();
    let [here, there] = ["00001-of", "00002-of"];
    let moved = if line.contains(here) { line.replace(here, there) } else { line.replace(there, here) };
    copy.edit("model.safetensors.index.json", line, &moved);
    assert_says(&copy.error(), &["missing model.norm.weight", "unused model.norm.weight"]);
}

#[test]
fn errors_name_the_file_that_is_not_there() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let copy = Copy::of("qwen2_5_vl", file);
        std::fs::remove_file(copy.0.join(file)).unwrap();
        assert_says(&copy.error(), &[file]);
    }
    assert!(matches!(VisionLanguageModel::load(Path::new("nowhere.gguf")), Err(Error::Io { .. })));
}

/// Where the data of `llama.gguf` begins: before it lie all lengths, types and offsets.
const HEAD: usize = 6400;

fn gguf() -> Vec<u8> {
    std::fs::read(path("llama.gguf")).unwrap()
}

#[test]
fn a_gguf_file_is_refused_wherever_it_is_cut() {
    let whole = gguf();
    assert!(Gguf::parse(whole.clone()).is_ok());
    for len in (0..whole.len() - 1).step_by(37) {
        assert!(Gguf::parse(whole[..len].to_vec()).is_err(), "{len}");
    }
}

#[test]
fn counts_that_the_file_cannot_hold_are_refused_before_room_is_made() {
    let with = |at: usize, bytes: &[u8]| {
        let mut file = gguf();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        Gguf::parse(file).err().unwrap()
    };
    let flood = u64::MAX.to_le_bytes();
    assert!(matches!(with(8, &flood), GgufError::TooMany { what: "tensors", .. }));
    assert!(matches!(with(16, &flood), GgufError::TooMany { what: "entries", .. }));
    assert!(matches!(with(24, &flood), GgufError::TooMany { what: "bytes of a string", .. }));
    assert!(matches!(with(0, b"GGML"), GgufError::Format(_)));
    assert!(matches!(with(4, &[9]), GgufError::Format(_)));
}

#[test]
fn a_gguf_of_another_architecture_is_refused_by_name() {
    let mut file = gguf();
    let key = b"general.architecture";
    let at = file.windows(key.len()).position(|window| window == key).unwrap() + key.len() + 4 + 8;
    file[at..at + 5].copy_from_slice(b"lmama");
    assert_says(
        &Gguf::parse(file).unwrap().model_config().unwrap_err(),
        &["expected general.architecture llama, found lmama"],
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// One changed byte in the head of the file.
    #[test]
    fn a_damaged_gguf_head_is_read_or_refused(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut file = gguf();
        file[at.index(HEAD)] = byte;
        if let Ok(gguf) = Gguf::parse(file) {
            for tensor in gguf.tensors().values() {
                prop_assert_eq!(gguf.values(tensor).len(), tensor.shape.iter().product::<usize>());
            }
            let _ = gguf.model_config();
        }
    }

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Gguf::parse([b"GGUF".to_vec(), vec![3, 0, 0, 0], bytes].concat()).is_err());
    }
}

/// A damaged file is loaded as a whole or refused as a whole.
#[test]
fn damaged_gguf_files_never_panic_while_they_load() {
    let copy = Copy::of("llama", "damaged");
    let damaged = copy.0.join("damaged.gguf");
    for at in (0..HEAD).step_by(101) {
        let mut file = gguf();
        file[at] ^= 0x55;
        std::fs::write(&damaged, file).unwrap();
        let _ = VisionLanguageModel::load_on(&damaged, &Device::flex());
    }
}

//! `knowmvg-vlm.safetensors`: what is learnt beside a language model, the changes of which bear PEFT's names.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Tensor, TensorData};
use knowmvg::model::params::{self, NamedParam, Stored};
use knowmvg::model::weights::{Loader, WeightError, WeightFile};

use super::adapter::GroundingAdapter;
use crate::text::Target;

/// Name of the weights in a model folder.
pub const WEIGHTS: &str = "knowmvg-vlm.safetensors";
/// Name of the configuration.
pub const CONFIG: &str = "knowmvg-vlm.config.json";
/// Before the names of changes of a language model, as PEFT writes them.
pub const PEFT: &str = "base_model.model.";
/// Before the names of everything but the changes of the language model.
const OWN: &str = "reader.";
/// Key under which the file names the language model that it belongs to.
pub const LANGUAGE: &str = "language_sha256";

/// Writes what was learnt; matrices are turned as `torch.nn.Linear` stores them.
///
/// # Errors
/// When the file cannot be written.
pub fn save(
    path: &Path,
    params: &[NamedParam],
    stored: Stored,
    metadata: BTreeMap<String, String>,
) -> Result<(), WeightError> {
    let params: Vec<NamedParam> = params.iter().map(in_file).collect();
    params::save(path, &params, stored, metadata)
}

/// Reads what was learnt into a module of the same sizes, strictly.
///
/// # Errors
/// When tensors are missing, unused or misshapen.
pub fn load(file: &WeightFile, adapter: GroundingAdapter) -> Result<GroundingAdapter, WeightError> {
    let mut loader = file.loader()?;
    let adapter = params::replace(adapter, |name, shape| read(&mut loader, name, shape));
    loader.finish()?;
    Ok(adapter)
}

fn in_file(own: &NamedParam) -> NamedParam {
    let name = name(&own.name);
    match (is_map(&own.name), own.shape.as_slice()) {
        (true, &[inputs, outputs]) => {
            NamedParam { name, shape: vec![outputs, inputs], values: turned(&own.values, inputs, outputs) }
        }
        _ => NamedParam { name, ..own.clone() },
    }
}

fn read(loader: &mut Loader, own: &str, shape: &[usize]) -> Vec<f32> {
    match (is_map(own), shape) {
        (true, &[inputs, outputs]) => turned(&loader.tensor(&name(own), &[outputs, inputs]), outputs, inputs),
        _ => loader.tensor(&name(own), shape),
    }
}

/// Whether a parameter is the matrix of a linear map.
fn is_map(own: &str) -> bool {
    own.ends_with(".weight")
}

/// `lora.layers.0.q_proj.lora_a.weight` as PEFT names it; others below [`OWN`].
///
/// # Source
/// `PeftModel.save_pretrained` of PEFT 0.18 for a `LlamaForCausalLM`.
fn name(own: &str) -> String {
    let peft = || {
        let (layer, rest) = own.strip_prefix("lora.layers.")?.split_once('.')?;
        let (map, rest) = rest.split_once('.')?;
        let target = Target::ALL.iter().find(|target| target.path().ends_with(map))?;
        let half = rest.replace("lora_a", "lora_A").replace("lora_b", "lora_B");
        Some(format!("{PEFT}model.layers.{layer}.{}.{half}", target.path()))
    };
    peft().unwrap_or_else(|| format!("{OWN}{own}"))
}

/// A row-major matrix, transposed.
fn turned(values: &[f32], rows: usize, cols: usize) -> Vec<f32> {
    let matrix = Tensor::<2>::from_data(TensorData::new(values.to_vec(), [rows, cols]), &Default::default());
    knowmvg::model::trace::values(&matrix.transpose())
}

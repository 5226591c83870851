//! A module's parameters by name: to files, from files, and as one flat vector for averaging.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::trace;
use super::weights::{Loader, WeightError, encode};

/// Burn's random generator belongs to the process: models that are built on two threads at once would take each other's
/// draws, and a seeded run would not repeat.
static GENERATOR: Mutex<()> = Mutex::new(());

/// Builds a model while no other one is built; everything that draws its first weights goes through here.
pub fn build<M>(build: impl FnOnce() -> M) -> M {
    // A panic while building leaves no state behind that could be wrong.
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    build()
}

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedParam {
    /// Fields from the module to the parameter, joined by dots.
    pub name: String,
    /// Sizes of its axes.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f32>,
}

/// The float parameters of a module, in the order of its fields.
pub fn collect<M: Module>(module: &M) -> Vec<NamedParam> {
    struct Collector {
        path: Vec<String>,
        found: Vec<NamedParam>,
    }
    impl ModuleVisitor for Collector {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.val();
            self.found.push(NamedParam {
                name: self.path.join("."),
                shape: tensor.dims().to_vec(),
                values: trace::values(&tensor),
            });
        }
    }
    let mut collector = Collector { path: vec![], found: vec![] };
    module.visit(&mut collector);
    collector.found
}

/// Replaces every float parameter by what `value` returns for its name and shape.
pub fn replace<M: Module>(module: M, value: impl FnMut(&str, &[usize]) -> Vec<f32>) -> M {
    struct Replacer<F> {
        path: Vec<String>,
        value: F,
    }
    impl<F: FnMut(&str, &[usize]) -> Vec<f32>> ModuleMapper for Replacer<F> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let name = self.path.join(".");
            let value = &mut self.value;
            param.map(|old| {
                let shape = old.dims();
                let needs_grad = old.is_require_grad();
                let new = Tensor::from_data(TensorData::new(value(&name, &shape), shape), &old.device());
                new.set_require_grad(needs_grad)
            })
        }
    }
    module.map(&mut Replacer { path: vec![], value })
}

/// Reads every parameter under `prefix`, strictly.
pub fn load<M: Module>(module: M, prefix: &str, loader: &mut Loader) -> M {
    replace(module, |name, shape| loader.tensor(&format!("{prefix}{name}"), shape))
}

/// Number type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Exact: for checkpoints.
    F32,
    /// Half the size: for shipping.
    F16,
}

/// Writes parameters as safetensors with strings under `__metadata__`.
///
/// # Errors
/// When the file cannot be written.
pub fn save(
    path: &Path,
    params: &[NamedParam],
    stored: Stored,
    metadata: BTreeMap<String, String>,
) -> Result<(), WeightError> {
    let dtype = if stored == Stored::F32 { Dtype::F32 } else { Dtype::F16 };
    let bytes = |p: &NamedParam| encode(dtype, &p.values).expect("a type that is read");
    let data: Vec<_> = params.iter().map(|p| (p.name.clone(), p.shape.clone(), bytes(p))).collect();
    let format = |e: safetensors::SafeTensorError| WeightError::Format(e.to_string());
    let mut views = Vec::with_capacity(data.len());
    for (name, shape, bytes) in &data {
        views.push((name.clone(), TensorView::new(dtype, shape.clone(), bytes).map_err(format)?));
    }
    let partial = path.with_extension("part");
    // The file sorts tensors by size; the order of the module's fields is kept beside them.
    let order = params.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join("\n");
    let metadata: std::collections::HashMap<String, String> =
        metadata.into_iter().chain([("order".to_owned(), order)]).collect();
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(format)?;
    std::fs::write(&partial, bytes).map_err(|source| WeightError::Io { source, path: partial.clone() })?;
    std::fs::rename(&partial, path).map_err(|source| WeightError::Io { source, path: path.to_owned() })
}

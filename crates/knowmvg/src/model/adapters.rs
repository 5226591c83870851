//! Low-rank changes of the tower's last layers: `W + alpha / rank * B A` for every linear map after the middle layer.
//!
//! They are added to the weights ([`TowerAdapters::merged_into`]), so that they cost nothing; `train::tower` has their gradients.
//!
//! # Source
//! Hu et al., *LoRA*, 2021; first values and names in files as PEFT's.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Tensor};

use super::config::AdapterConfig;
use super::encode::MIDDLE_LAYER;
use super::params;
use super::trace;
use super::vision::{self, VisionConfig, VisionTower};
use super::weights::Loader;

/// A change of one linear map.
#[derive(Module, Debug)]
pub struct LowRank {
    /// `A`, `[rank, inputs]`.
    pub(crate) lora_a: Param<Tensor<2>>,
    /// `B`, `[outputs, rank]`.
    pub(crate) lora_b: Param<Tensor<2>>,
    pub(crate) scale: f64,
}

impl LowRank {
    /// `A` at random and `B` zero: at first nothing is changed.
    fn init([inputs, outputs]: [usize; 2], config: &AdapterConfig, device: &Device) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        Self {
            lora_a: Initializer::Uniform { min: -bound, max: bound }.init([config.rank, inputs], device),
            lora_b: Initializer::Zeros.init([outputs, config.rank], device),
            scale: config.scale(),
        }
    }

    /// Adds the change to a weight, `[outputs, inputs]`.
    fn add_to(&self, weight: &mut [f32]) {
        let change = trace::values(&(self.lora_b.val().matmul(self.lora_a.val()) * self.scale));
        assert_eq!(weight.len(), change.len(), "adapters are made for the sizes of their tower");
        weight.iter_mut().zip(change).for_each(|(weight, change)| *weight += change);
    }
}

/// Changes of one layer, named after the maps that they change.
#[derive(Module, Debug)]
pub struct LayerAdapters {
    query: LowRank,
    key: LowRank,
    value: LowRank,
    projection: LowRank,
    fc1: LowRank,
    fc2: LowRank,
}

impl LayerAdapters {
    fn init(config: &AdapterConfig, sizes: &VisionConfig, device: &Device) -> Self {
        let (width, hidden) = (sizes.hidden_size, sizes.hidden_size * sizes.mlp_ratio);
        let change = |inputs, outputs| LowRank::init([inputs, outputs], config, device);
        Self {
            query: change(width, width),
            key: change(width, width),
            value: change(width, width),
            projection: change(width, width),
            fc1: change(width, hidden),
            fc2: change(hidden, width),
        }
    }

    /// Every change, in the order of the fields.
    pub(crate) fn maps(&self) -> [&LowRank; 6] {
        [&self.query, &self.key, &self.value, &self.projection, &self.fc1, &self.fc2]
    }

    fn add_to(&self, layer: &mut vision::Layer) {
        let square = layer.qkv.weight.len() / 3;
        let parts = layer.qkv.weight.chunks_exact_mut(square);
        parts.zip([&self.query, &self.key, &self.value]).for_each(|(part, change)| change.add_to(part));
        self.projection.add_to(&mut layer.projection.weight);
        self.fc1.add_to(&mut layer.fc1.weight);
        self.fc2.add_to(&mut layer.fc2.weight);
    }
}

/// Everything that is learnt of a tower.
#[derive(Module, Debug)]
pub struct TowerAdapters {
    layers: Vec<LayerAdapters>,
    first_layer: usize,
}

impl TowerAdapters {
    /// For the layers after the middle one; nothing is changed yet.
    pub fn init(config: &AdapterConfig, sizes: &VisionConfig, device: &Device) -> Self {
        Self::init_after(MIDDLE_LAYER, config, sizes, device)
    }

    /// For the layers after a given one (0-based).
    pub fn init_after(layer: usize, config: &AdapterConfig, sizes: &VisionConfig, device: &Device) -> Self {
        let first_layer = layer + 1;
        let layers = (first_layer..sizes.num_hidden_layers).map(|_| LayerAdapters::init(config, sizes, device));
        Self { layers: layers.collect(), first_layer }
    }

    /// The tower with its weights changed.
    pub fn merged_into(&self, tower: &VisionTower) -> VisionTower {
        let mut changed = tower.clone();
        changed.layers.truncate(self.first_layer);
        changed.layers.extend(self.changed_layers(tower));
        changed
    }

    /// The layers that are changed.
    pub(crate) fn changed_layers(&self, tower: &VisionTower) -> Vec<vision::Layer> {
        let frozen = tower.layers[self.first_layer..].iter();
        let change = |(layer, adapters): (&vision::Layer, &LayerAdapters)| {
            let mut layer = layer.clone();
            adapters.add_to(&mut layer);
            layer
        };
        frozen.zip(&self.layers).map(change).collect()
    }

    /// Changes of each layer.
    pub(crate) fn layers(&self) -> &[LayerAdapters] {
        &self.layers
    }

    /// Reads the changes under the names of [`TowerAdapters::name_in_file`].
    pub fn load(self, loader: &mut Loader) -> Self {
        let first = self.first_layer;
        params::replace(self, |name, shape| loader.tensor(&name_in_file(first, name), shape))
    }

    /// The name that a parameter of this module has in a file of weights.
    ///
    /// # Source
    /// PEFT's `adapter_model.safetensors` of a `Dinov2Model`.
    pub fn name_in_file(&self, name: &str) -> String {
        name_in_file(self.first_layer, name)
    }
}

fn name_in_file(first_layer: usize, name: &str) -> String {
    let mut parts = name.split('.').skip(1); // "layers"
    let mut next = || parts.next().expect("layers.INDEX.MAP.MATRIX");
    let layer = first_layer + next().parse::<usize>().expect("an index of a list");
    let map = match next() {
        map @ ("query" | "key" | "value") => format!("attention.attention.{map}"),
        "projection" => "attention.output.dense".into(),
        map => format!("mlp.{map}"),
    };
    let matrix = if next() == "lora_a" { "lora_A" } else { "lora_B" };
    format!("base_model.model.encoder.layer.{layer}.{map}.{matrix}.weight")
}

use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::projection::Projection;
use crate::config::TextConfig;

/// Which maps of a language model are changed, and by how much.
///
/// # Source
/// Hu et al. 2021, *LoRA*; the keys are those of PEFT's `LoraConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    /// Rank of every change.
    pub r: usize,
    /// A change is scaled by `lora_alpha / r`.
    pub lora_alpha: f64,
    /// The maps: `q_proj`, `k_proj`, `v_proj`, `o_proj`, `gate_proj`, `up_proj`, `down_proj`.
    pub target_modules: Vec<Target>,
}

/// A linear map of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names are Hugging Face's
pub enum Target {
    QProj,
    KProj,
    VProj,
    OProj,
    GateProj,
    UpProj,
    DownProj,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::QProj, Self::KProj, Self::VProj, Self::OProj, Self::GateProj, Self::UpProj, Self::DownProj];

    /// Where it stands in a layer, as Hugging Face names it.
    pub fn path(self) -> &'static str {
        match self {
            Self::QProj => "self_attn.q_proj",
            Self::KProj => "self_attn.k_proj",
            Self::VProj => "self_attn.v_proj",
            Self::OProj => "self_attn.o_proj",
            Self::GateProj => "mlp.gate_proj",
            Self::UpProj => "mlp.up_proj",
            Self::DownProj => "mlp.down_proj",
        }
    }

    /// Inputs and outputs.
    fn sizes(self, config: &TextConfig) -> [usize; 2] {
        let asked = config.heads * config.head_width;
        let shared = config.key_value_heads * config.head_width;
        match self {
            Self::QProj => [config.width, asked],
            Self::KProj | Self::VProj => [config.width, shared],
            Self::OProj => [asked, config.width],
            Self::GateProj | Self::UpProj => [config.width, config.inner_width],
            Self::DownProj => [config.inner_width, config.width],
        }
    }
}

impl LoraConfig {
    /// Whether the sizes make sense.
    ///
    /// # Errors
    /// What is wrong with which key.
    pub fn check(&self) -> Result<(), String> {
        let Self { r, lora_alpha, target_modules } = self;
        let mut distinct = target_modules.clone();
        distinct.sort();
        distinct.dedup();
        match () {
            () if !(1..=1024).contains(r) => Err(format!("expected r in 1..=1024, found {r}")),
            () if !(lora_alpha.is_finite() && *lora_alpha > 0.0) => {
                Err(format!("expected lora_alpha above 0, found {lora_alpha}"))
            }
            () if distinct.is_empty() || distinct.len() != target_modules.len() => {
                Err("expected target_modules to name at least one map, each once".into())
            }
            () => Ok(()),
        }
    }
}

/// A change of one linear map, of low rank: `W x + lora_alpha / r B A x`.
#[derive(Module, Debug)]
pub struct Lora {
    lora_a: Linear,
    lora_b: Linear,
    #[module(skip)]
    scale: f64,
}

impl Lora {
    /// No change yet: `B` is zero.
    fn init([inputs, outputs]: [usize; 2], config: &LoraConfig, device: &Device) -> Self {
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).with_bias(false);
        Self {
            lora_a: linear(inputs, config.r).init(device),
            lora_b: linear(config.r, outputs).with_initializer(Initializer::Zeros).init(device),
            scale: config.lora_alpha / config.r as f64,
        }
    }

    /// What is added to the map's output.
    ///
    /// # Shapes
    /// - `rows`: `[.., inputs]`; returns `[.., outputs]`
    pub fn of<const D: usize>(&self, rows: Tensor<D>) -> Tensor<D> {
        self.lora_b.forward(self.lora_a.forward(rows)) * self.scale
    }

    /// What is added to the weight.
    ///
    /// # Shapes
    /// - returns `[inputs, outputs]`
    pub fn weight(&self) -> Tensor<2> {
        self.lora_a.weight.val().matmul(self.lora_b.weight.val()) * self.scale
    }
}

/// The changes of one layer.
#[derive(Module, Debug)]
pub struct LayerLora {
    q_proj: Option<Lora>,
    k_proj: Option<Lora>,
    v_proj: Option<Lora>,
    o_proj: Option<Lora>,
    gate_proj: Option<Lora>,
    up_proj: Option<Lora>,
    down_proj: Option<Lora>,
}

impl LayerLora {
    fn init(config: &LoraConfig, text: &TextConfig, device: &Device) -> Self {
        let lora = |target: Target| {
            config.target_modules.contains(&target).then(|| Lora::init(target.sizes(text), config, device))
        };
        Self {
            q_proj: lora(Target::QProj),
            k_proj: lora(Target::KProj),
            v_proj: lora(Target::VProj),
            o_proj: lora(Target::OProj),
            gate_proj: lora(Target::GateProj),
            up_proj: lora(Target::UpProj),
            down_proj: lora(Target::DownProj),
        }
    }

    /// The change of one map, if it is changed.
    pub fn get(&self, target: Target) -> Option<&Lora> {
        match target {
            Target::QProj => self.q_proj.as_ref(),
            Target::KProj => self.k_proj.as_ref(),
            Target::VProj => self.v_proj.as_ref(),
            Target::OProj => self.o_proj.as_ref(),
            Target::GateProj => self.gate_proj.as_ref(),
            Target::UpProj => self.up_proj.as_ref(),
            Target::DownProj => self.down_proj.as_ref(),
        }
    }
}

/// The changes of a language model, kept apart from it: they are what is learnt and stored.
#[derive(Module, Debug)]
pub struct LoraAdapters {
    layers: Vec<LayerLora>,
}

impl LoraAdapters {
    /// No change yet.
    pub fn init(config: &LoraConfig, text: &TextConfig, device: &Device) -> Self {
        Self { layers: (0..text.layers).map(|_| LayerLora::init(config, text, device)).collect() }
    }

    /// Of each layer, in order.
    pub fn layers(&self) -> &[LayerLora] {
        &self.layers
    }
}

/// A map with its change, if it has one.
///
/// # Shapes
/// - `rows`: `[.., inputs]`; returns `[.., outputs]`
pub(super) fn changed<const D: usize>(
    map: &Projection,
    lora: Option<&LayerLora>,
    target: Target,
    rows: Tensor<D>,
) -> Tensor<D> {
    let [changed] = all_changed([(map, target)], lora, rows);
    changed
}

/// Several maps of the same rows with their changes.
///
/// # Shapes
/// - `rows`: `[.., inputs]`; returns `[.., outputs]` of each
pub(super) fn all_changed<const N: usize, const D: usize>(
    maps: [(&Projection, Target); N],
    lora: Option<&LayerLora>,
    rows: Tensor<D>,
) -> [Tensor<D>; N] {
    let changes = maps.map(|(_, target)| lora.and_then(|lora| lora.get(target)).map(|lora| lora.of(rows.clone())));
    let mut changes = changes.into_iter();
    Projection::all(maps.map(|(map, _)| map), rows).map(|mapped| match changes.next().flatten() {
        Some(change) => mapped + change,
        None => mapped,
    })
}

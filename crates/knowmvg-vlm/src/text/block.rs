use burn::module::Module;
use burn::nn::RmsNorm;
use burn::tensor::Tensor;

use super::attention::{Attention, KeysValues};
use super::lora::LayerLora;
use super::mlp::GatedMlp;
use super::rotary::Rotation;
use super::slices;
use crate::config::TextConfig;
use crate::weights::{Bias, WeightReader};

/// One layer: attention, then the MLP, each after a norm and beside a residual.
#[derive(Module, Debug)]
pub struct Block {
    input_layernorm: RmsNorm,
    self_attn: Attention,
    post_attention_layernorm: RmsNorm,
    mlp: GatedMlp,
}

impl Block {
    /// Reads a layer below `prefix`.
    pub fn load(reader: &mut WeightReader, prefix: &str, config: &TextConfig) -> Self {
        let norm = |reader: &mut WeightReader, name: &str| {
            reader.norm(&format!("{prefix}.{name}"), config.width, config.norm_eps)
        };
        Self {
            input_layernorm: norm(reader, "input_layernorm"),
            self_attn: Attention::load(reader, &format!("{prefix}.self_attn"), config),
            post_attention_layernorm: norm(reader, "post_attention_layernorm"),
            mlp: GatedMlp::load(reader, &format!("{prefix}.mlp"), [config.width, config.inner_width], Bias::Absent),
        }
    }

    /// # Shapes
    /// As [`Attention::forward`].
    pub fn forward(
        &self,
        rows: Tensor<3>,
        rotation: &Rotation,
        hidden: Option<&Tensor<4>>,
        memory: &mut Option<KeysValues>,
        lora: Option<&LayerLora>,
    ) -> Tensor<3> {
        let normed = self.normed(&self.input_layernorm, &rows);
        let rows = rows + self.self_attn.forward(normed, rotation, hidden, memory, lora);
        let normed = self.normed(&self.post_attention_layernorm, &rows);
        rows + self.mlp.forward(normed, lora)
    }

    fn normed(&self, norm: &RmsNorm, rows: &Tensor<3>) -> Tensor<3> {
        match self.self_attn.is_quantized() {
            true => slices::norm(norm, rows.clone()),
            false => norm.forward(rows.clone()),
        }
    }

    /// Whether its maps stay quantised.
    pub fn is_quantized(&self) -> bool {
        self.self_attn.is_quantized()
    }
}

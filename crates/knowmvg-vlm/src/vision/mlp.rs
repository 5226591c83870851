use burn::module::Module;
use burn::tensor::Tensor;

use crate::config::{VisionConfig, VisionDesign};
use crate::text::{GatedMlp, Projection};
use crate::weights::{Bias, WeightReader};

/// The MLP of a tower's generation.
#[derive(Module, Debug)]
pub enum VisionMlp {
    /// As in the language model, with biases.
    Gated(GatedMlp),
    /// Two maps.
    Plain(PlainMlp),
}

/// `fc2(gelu(fc1(x)))`.
#[derive(Module, Debug)]
pub struct PlainMlp {
    linear_fc1: Projection,
    linear_fc2: Projection,
}

impl VisionMlp {
    /// Reads an MLP below `prefix`.
    pub(super) fn load(reader: &mut WeightReader, prefix: &str, config: &VisionConfig) -> Self {
        let [width, inner] = [config.width, config.inner_width];
        match config.design {
            VisionDesign::Windowed { .. } => Self::Gated(GatedMlp::load(reader, prefix, [width, inner], Bias::Present)),
            VisionDesign::DeepStack { .. } => Self::Plain(PlainMlp {
                linear_fc1: reader.projection(&format!("{prefix}.linear_fc1"), [width, inner], Bias::Present),
                linear_fc2: reader.projection(&format!("{prefix}.linear_fc2"), [inner, width], Bias::Present),
            }),
        }
    }

    /// # Shapes
    /// - `rows`: `[.., width]`; returns the same
    pub(super) fn forward<const D: usize>(&self, rows: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Gated(mlp) => mlp.forward(rows, None),
            Self::Plain(mlp) => mlp.linear_fc2.forward(gelu_tanh(mlp.linear_fc1.forward(rows))),
        }
    }
}

/// GELU by a hyperbolic tangent, as `gelu_pytorch_tanh`.
///
/// Burn's takes the cube as a power with an exponent of 3.0, which a GPU may compute by a logarithm; half of the numbers here
/// have none.
fn gelu_tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let cube = x.clone() * x.clone() * x.clone();
    let inner = (x.clone() + cube * 0.044_715) * (2.0 / std::f64::consts::PI).sqrt();
    x * (inner.tanh() + 1.0) * 0.5
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// By PyTorch's `gelu(x, approximate="tanh")`.
    #[test]
    fn gelu_is_the_reference_s() {
        let x = Tensor::<1>::from_data([-3.0f32, -0.5, 0.0, 1.0, 4.0], &Device::flex());
        let found: Vec<f32> = gelu_tanh(x).try_to_vec_as().unwrap();
        let expected = [-0.003_637_4, -0.154_286, 0.0, 0.841_192, 3.999_93];
        assert!(found.iter().zip(expected).all(|(a, b): (&f32, f32)| (a - b).abs() < 2e-6), "{found:?}");
    }
}

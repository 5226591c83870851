use burn::module::Module;
use burn::nn::{Linear, LinearConfig, RmsNorm, RmsNormConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

/// Tokens of the image encoder as tokens of the language model: averaged in squares, then two linear maps.
///
/// # Source
/// Liu et al. 2023, *LLaVA-1.5*: a two-layer projector.
///
/// # Departures
/// Patches are averaged first, because the language models that this is for are small; the norm at the end gives image tokens
/// the size of words.
#[derive(Module, Debug)]
pub struct Projector {
    inner: Linear,
    outer: Linear,
    norm: RmsNorm,
}

impl Projector {
    /// Randomly initialised; `rms` is the size of the words' embeddings.
    pub fn init([token_width, width]: [usize; 2], rms: f32, device: &Device) -> Self {
        Self {
            inner: LinearConfig::new(token_width, width).init(device),
            outer: LinearConfig::new(width, width).init(device),
            norm: sized_norm(width, rms, device),
        }
    }

    /// # Shapes
    /// - `tokens`: `[images, grid * grid, token_width]`
    /// - returns `[images * side * side, width]`
    pub fn forward(&self, tokens: Tensor<3>, side: usize) -> Tensor<2> {
        self.norm.forward(self.outer.forward(gelu(self.inner.forward(squares(tokens, side)))))
    }
}

/// The mean of the patches of each square, `[images * side * side, token_width]`.
fn squares(tokens: Tensor<3>, side: usize) -> Tensor<2> {
    let [images, patches, token_width] = tokens.dims();
    let factor = patches.isqrt() / side;
    let rows = tokens.reshape([images * side, factor, side * factor * token_width]).mean_dim(1);
    rows.reshape([images * side * side, factor, token_width]).mean_dim(1).reshape([images * side * side, token_width])
}

/// A norm whose rows come out with a root mean square of `rms`.
pub(super) fn sized_norm(width: usize, rms: f32, device: &Device) -> RmsNorm {
    let mut norm = RmsNormConfig::new(width).with_epsilon(1e-6).init(device);
    norm.gamma = norm.gamma.map(|ones| ones * rms);
    norm
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;

    #[test]
    fn squares_are_averaged_where_they_lie() {
        let device = Device::flex();
        // Four by four patches whose one number tells row and column.
        let values: Vec<f32> = (0..16).map(|i| (10 * (i / 4) + i % 4) as f32).collect();
        let tokens = Tensor::<3>::from_data(TensorData::new(values, [1, 16, 1]), &device);
        let found: Vec<f32> = squares(tokens, 2).try_to_vec_as().unwrap();
        assert_eq!(found, [5.5, 7.5, 25.5, 27.5]);
    }
}

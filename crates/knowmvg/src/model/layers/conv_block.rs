use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

use super::feed_forward::quiet;

/// A residual block over a square grid of cells: narrow, look at the neighbours (3 x 3), widen.
///
/// # Source
/// The bottleneck of ResNet (He et al., 2016), with a layer norm first and GELU.
#[derive(Module, Debug)]
pub struct ConvBlock {
    norm: LayerNorm,
    narrow: Linear,
    neighbours: Conv2d,
    widen: Linear,
}

impl ConvBlock {
    /// Randomly initialised, so that the block first leaves its input nearly as it is.
    pub fn init(width: usize, inner: usize, device: &Device) -> Self {
        let neighbours = Conv2dConfig::new([inner, inner], [3, 3]).with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1));
        Self {
            norm: LayerNormConfig::new(width).init(device),
            narrow: LinearConfig::new(width, inner).init(device),
            neighbours: neighbours.init(device),
            widen: LinearConfig::new(inner, width).with_initializer(quiet()).init(device),
        }
    }

    /// # Shapes
    /// - `cells`: `[batch, side * side, width]`, row-major; returns the same
    pub fn forward(&self, cells: Tensor<3>) -> Tensor<3> {
        let [batch, count, _] = cells.dims();
        let side = count.isqrt();
        let narrow = gelu(self.narrow.forward(self.norm.forward(cells.clone())));
        let [_, _, inner] = narrow.dims();
        let picture = narrow.swap_dims(1, 2).reshape([batch, inner, side, side]);
        let mixed = gelu(self.neighbours.forward(picture)).reshape([batch, inner, count]).swap_dims(1, 2);
        cells + self.widen.forward(mixed)
    }
}

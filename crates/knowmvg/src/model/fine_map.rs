//! The fine map of the local stage: pixels at half a patch's stride, told by the tokens what they belong to.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

use super::config::ModelConfig;
use super::layers::ConvBlock;

/// Cells of the fine map along one patch.
pub const CELLS_PER_PATCH: usize = 2;

/// Joins pixel patches with upsampled tokens.
#[derive(Module, Debug)]
pub struct FineMap {
    pixels: Linear,
    tokens: Linear,
    mixed: Linear,
    blocks: Vec<ConvBlock>,
}

impl FineMap {
    /// Randomly initialised; `patch_size` is the tower's.
    pub fn init(config: &ModelConfig, patch_size: usize, device: &Device) -> Self {
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        Self {
            pixels: linear(patch_size * patch_size, config.fine_width),
            tokens: linear(config.width, config.fine_width),
            mixed: linear(config.fine_width, config.fine_width),
            blocks: (0..config.fine_blocks)
                .map(|_| ConvBlock::init(config.fine_width, config.fine_width, device))
                .collect(),
        }
    }

    /// # Shapes
    /// - `pixel_patches`: `[batch, cells * cells, patch_size^2]`, overlapping by half
    /// - `tokens`: `[batch, grid * grid, width]`
    /// - `upsample`: `[cells, grid]`, from [`upsampling`]
    /// - returns `[batch, cells * cells, fine_width]`
    pub fn forward(&self, pixel_patches: Tensor<3>, tokens: Tensor<3>, upsample: Tensor<2>) -> Tensor<3> {
        let [cells, grid] = upsample.dims();
        let [batch, _, _] = tokens.dims();
        let coarse = self.tokens.forward(tokens);
        let [_, _, width] = coarse.dims();
        let upsample = upsample.unsqueeze_dim::<3>(0).expand([batch, cells, grid]);
        let rows = upsample.clone().matmul(coarse.reshape([batch, grid, grid * width]));
        let rows = rows.reshape([batch, cells, grid, width]).swap_dims(1, 2).reshape([batch, grid, cells * width]);
        let both = upsample.matmul(rows).reshape([batch, cells, cells, width]).swap_dims(1, 2); // [batch, row, col, width]
        let joined = gelu(self.pixels.forward(pixel_patches) + both.reshape([batch, cells * cells, width]));
        let mixed = joined.clone() + gelu(self.mixed.forward(joined));
        self.blocks.iter().fold(mixed, |cells, block| block.forward(cells))
    }
}

/// Bilinear interpolation from `grid` patch centres to `cells` cell centres along one axis, edges repeated.
///
/// # Shapes
/// Returns `[cells, grid]`, row-major.
pub fn upsampling(cells: usize, grid: usize) -> Vec<f32> {
    let mut out = vec![0.0; cells * grid];
    for cell in 0..cells {
        let source = ((cell as f64 + 0.5) * grid as f64 / cells as f64 - 0.5).clamp(0.0, (grid - 1) as f64);
        let (low, fraction) = (source as usize, source.fract() as f32);
        out[cell * grid + low] += 1.0 - fraction;
        out[cell * grid + (low + 1).min(grid - 1)] += fraction;
    }
    out
}

/// Cuts a square picture into patches of `patch` pixels every `patch / CELLS_PER_PATCH`, centred on the cells; grey
/// values are shifted to a mean of about 0, and the rim is repeated.
///
/// # Shapes
/// Returns `[cells * cells, patch * patch]`, row-major.
pub fn pixel_patches(pixels: &[f32], side: usize, patch: usize) -> Vec<f32> {
    let stride = patch / CELLS_PER_PATCH;
    let cells = side / stride;
    let margin = (patch - stride) / 2;
    let clamp = |at: usize| at.saturating_sub(margin).min(side - 1);
    let mut out = Vec::with_capacity(cells * cells * patch * patch);
    for row in 0..cells {
        for col in 0..cells {
            for y in 0..patch {
                let line = clamp(row * stride + y) * side;
                out.extend((0..patch).map(|x| pixels[line + clamp(col * stride + x)] * 4.0 - 2.0));
            }
        }
    }
    out
}

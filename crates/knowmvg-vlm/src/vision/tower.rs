use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor};

use super::block::VisionBlock;
use super::grid::Grid;
use super::merger::Merger;
use super::windows::WindowPlan;
use crate::config::VisionConfig;
use crate::text::{Rotation, frequencies};
use crate::weights::WeightReader;
use crate::{Error, Result};

/// Turns patches into tokens of the language model.
///
/// # Source
/// `Qwen2_5_VisionTransformerPretrainedModel`, transformers 5.23.0.
///
/// # Departures
/// The patch embedding is a convolution there whose stride is its kernel, that is, one linear map of each patch.
#[derive(Module, Debug)]
pub struct VisionTower {
    patch_embed: Linear,
    blocks: Vec<VisionBlock>,
    merger: Merger,
    #[module(skip)]
    config: VisionConfig,
}

impl VisionTower {
    /// Reads a tower below `prefix`.
    pub fn load(reader: &mut WeightReader, prefix: &str, config: &VisionConfig) -> Self {
        let blocks = (0..config.layers).map(|i| VisionBlock::load(reader, &format!("{prefix}blocks.{i}"), config));
        Self {
            blocks: blocks.collect(),
            patch_embed: reader.convolution(&format!("{prefix}patch_embed.proj"), config),
            merger: Merger::load(reader, &format!("{prefix}merger"), config),
            config: config.clone(),
        }
    }

    /// Sizes and switches.
    pub fn config(&self) -> &VisionConfig {
        &self.config
    }

    /// The tokens of several images, one image after the other.
    ///
    /// # Shapes
    /// - `patches`: `[patches of all images, patch_values]`, square by square
    /// - returns `[tokens of all images, output_width]`, row by row of each image
    ///
    /// # Errors
    /// When the patches are not as many as the grids say, or of another size.
    pub fn forward(&self, patches: Tensor<2>, grids: &[Grid]) -> Result<Tensor<2>> {
        let expected = [grids.iter().map(Grid::patches).sum(), self.config.patch_values()];
        if patches.dims() != expected || expected[0] == 0 {
            return Err(Error::Input(format!("expected patches {expected:?}, found {:?}", patches.dims())));
        }
        let device = patches.device();
        let plan = WindowPlan::new(grids, self.config.merge, self.config.window);
        let order = plan.patches(self.config.merge);
        let rotation = self.rotation(grids, &order, &device);
        let rows = self.patch_embed.forward(patches.select(0, indices(&order, &device))).unsqueeze::<3>();
        let rows = self.blocks.iter().enumerate().fold(rows, |rows, (i, block)| {
            let sees_all = self.config.full_attention_layers.contains(&i);
            block.forward(rows, &rotation, if sees_all { &plan.images } else { &plan.windows })
        });
        Ok(self.merger.forward(rows).select(0, indices(&plan.places(), &device)))
    }

    /// The first half of the pairs of a head turns with the row of the patch, the second with its column.
    fn rotation(&self, grids: &[Grid], order: &[usize], device: &Device) -> Rotation {
        let frequencies = frequencies(self.config.rope_theta, self.config.width / self.config.heads / 2);
        let places: Vec<[usize; 2]> = grids.iter().flat_map(|grid| grid.places(self.config.merge)).collect();
        let turn = |place: usize| frequencies.iter().map(move |frequency| place as f32 * frequency);
        let angles = order.iter().flat_map(|patch| places[*patch]).flat_map(turn).collect();
        Rotation::from_angles(angles, [1, order.len()], device)
    }
}

impl WeightReader<'_> {
    /// A convolution over time, rows and columns that never overlaps itself, as a linear map of flattened patches.
    fn convolution(&mut self, prefix: &str, config: &VisionConfig) -> Linear {
        let shape = [config.width, config.channels, config.temporal_patch, config.patch, config.patch];
        let weight = self.tensor(&format!("{prefix}.weight"), shape);
        Linear { weight: self.turned(weight.flatten(1, 4)), bias: None }
    }
}

fn indices(order: &[usize], device: &Device) -> Tensor<1, Int> {
    let order: Vec<i32> = order.iter().map(|i| *i as i32).collect();
    Tensor::from_data(order.as_slice(), device)
}

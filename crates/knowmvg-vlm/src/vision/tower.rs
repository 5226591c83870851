use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor};

use super::block::VisionBlock;
use super::grid::{Grid, MAX_PATCHES};
use super::merger::{Merger, Normed};
use super::places::Places;
use super::windows::WindowPlan;
use crate::config::{VisionConfig, VisionDesign};
use crate::text::{Rotation, frequencies};
use crate::weights::{Bias, WeightReader};
use crate::{Error, Result};

/// Turns patches into tokens of the language model.
///
/// # Source
/// `Qwen2_5_VisionTransformerPretrainedModel` and `Qwen3VLVisionModel`, transformers 5.23.0.
///
/// # Departures
/// The patch embedding is a convolution there whose stride is its kernel, that is, one linear map of each patch.
#[derive(Module, Debug)]
pub struct VisionTower {
    patch_embed: Linear,
    places: Option<Places>,
    blocks: Vec<VisionBlock>,
    merger: Merger,
    deepstack_merger_list: Vec<Merger>,
    #[module(skip)]
    config: VisionConfig,
}

/// What a tower makes of images, one row for each token of the language model, image by image.
#[derive(Debug, Clone)]
pub struct ImageRows {
    /// The tokens, `[tokens of all images, output_width]`.
    pub tokens: Tensor<2>,
    /// What is added to them after the first layers of the language model, layer by layer; each as `tokens`.
    pub deeper: Vec<Tensor<2>>,
}

impl VisionTower {
    /// Reads a tower below `prefix`.
    pub fn load(reader: &mut WeightReader, prefix: &str, config: &VisionConfig) -> Self {
        let (bias, places) = match config.design {
            VisionDesign::Windowed { .. } => (Bias::Absent, None),
            VisionDesign::DeepStack { places_side, .. } => {
                (Bias::Present, Some(Places::load(reader, &format!("{prefix}pos_embed"), places_side, config)))
            }
        };
        let deeper = (0..config.deepstack_layers().len())
            .map(|i| Merger::load(reader, &format!("{prefix}deepstack_merger_list.{i}"), config, Normed::Squares));
        let deepstack_merger_list = deeper.collect();
        let blocks = (0..config.layers).map(|i| VisionBlock::load(reader, &format!("{prefix}blocks.{i}"), config));
        Self {
            blocks: blocks.collect(),
            patch_embed: reader.convolution(&format!("{prefix}patch_embed.proj"), config, bias),
            places,
            merger: Merger::load(reader, &format!("{prefix}merger"), config, Normed::Patches),
            deepstack_merger_list,
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
    /// - returns `[tokens of all images, output_width]` of each, row by row of each image
    ///
    /// # Errors
    /// When the patches are not as many as the grids say, or of another size.
    pub fn forward(&self, patches: Tensor<2>, grids: &[Grid]) -> Result<ImageRows> {
        let expected = [grids.iter().map(Grid::patches).sum(), self.config.patch_values()];
        if patches.dims() != expected || expected[0] == 0 {
            return Err(Error::Input(format!("expected patches {expected:?}, found {:?}", patches.dims())));
        }
        let device = patches.device();
        let merge = self.config.merge;
        let plan = WindowPlan::new(grids, merge, self.window());
        let order = plan.patches(merge);
        let rotation = self.rotation(grids, &order, &device);
        let placed = self.patch_embed.forward(patches.select(0, indices(&order, &device)));
        let mut rows = match &self.places {
            Some(places) => placed + places.of(grids, merge).select(0, indices(&order, &device)),
            None => placed,
        }
        .unsqueeze::<3>();
        let tokens = |rows: Tensor<2>| rows.select(0, indices(&plan.places(), &device));
        let mut mergers = self.deepstack_merger_list.iter();
        let mut deeper = vec![];
        for (i, block) in self.blocks.iter().enumerate() {
            rows = block.forward(rows, &rotation, if self.sees_all(i) { &plan.images } else { &plan.windows });
            if self.config.deepstack_layers().contains(&i) {
                deeper.extend(mergers.next().map(|merger| tokens(merger.forward(rows.clone()))));
            }
        }
        Ok(ImageRows { tokens: tokens(self.merger.forward(rows)), deeper })
    }

    /// Side of a window in tokens; without windows, one that holds any image.
    fn window(&self) -> usize {
        match self.config.design {
            VisionDesign::Windowed { window, .. } => window,
            VisionDesign::DeepStack { .. } => MAX_PATCHES,
        }
    }

    fn sees_all(&self, layer: usize) -> bool {
        match &self.config.design {
            VisionDesign::Windowed { full_attention_layers, .. } => full_attention_layers.contains(&layer),
            VisionDesign::DeepStack { .. } => true,
        }
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
    fn convolution(&mut self, prefix: &str, config: &VisionConfig, bias: Bias) -> Linear {
        let shape = [config.width, config.channels, config.temporal_patch, config.patch, config.patch];
        let weight = self.tensor(&format!("{prefix}.weight"), shape);
        let shift = |reader: &mut Self| Param::from_tensor(reader.tensor(&format!("{prefix}.bias"), [config.width]));
        let bias = (bias == Bias::Present).then(|| shift(self));
        Linear { weight: self.turned(weight.flatten(1, 4)), bias }
    }
}

fn indices(order: &[usize], device: &Device) -> Tensor<1, Int> {
    let order: Vec<i32> = order.iter().map(|i| *i as i32).collect();
    Tensor::from_data(order.as_slice(), device)
}

//! [`Sight`]: what the decoder makes of images before anything is asked about them.
//!
//! It costs most of the time of a single phrase, and it is the same for every phrase on an image, so who asks again keeps it.

use burn::tensor::Tensor;

use super::visual_tokens::VisualTokens;

/// Images as the decoder's layers look at them.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Tokens of the whole image.
    pub visual: VisualTokens,
    /// `[batch, cells * cells, fine_width]`
    pub fine_map: Tensor<3>,
    /// The patches' side of the phrase-region contrast, `[batch, patches, width]`.
    pub regions: Tensor<3>,
    /// Patches along one side.
    pub grid: usize,
    /// Cells along one side of the fine map.
    pub cells: usize,
}

impl Sight {
    /// Several images as one batch, in their order.
    ///
    /// # Shapes
    /// - every sight: the same `grid` and `cells`
    pub fn stacked(sights: &[&Self]) -> Self {
        let [first, others @ ..] = sights else { panic!("expected at least one image") };
        if others.is_empty() {
            return (*first).clone();
        }
        let cat = |part: fn(&Self) -> &Tensor<3>| Tensor::cat(sights.iter().map(|s| part(s).clone()).collect(), 0);
        Self {
            visual: VisualTokens { values: cat(|s| &s.visual.values), keys: cat(|s| &s.visual.keys) },
            fine_map: cat(|s| &s.fine_map),
            regions: cat(|s| &s.regions),
            grid: first.grid,
            cells: first.cells,
        }
    }
}

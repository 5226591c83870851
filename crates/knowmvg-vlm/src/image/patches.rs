use serde::Deserialize;

use super::picture::Picture;
use super::resample::resample;
use super::size::smart_size;
use crate::Result;
use crate::config::{Family, VisionConfig};
use crate::vision::Grid;

/// How large pictures may be and how their colours are scaled: `preprocessor_config.json`.
///
/// # Source
/// `Qwen2VLImageProcessor` of transformers 5.23.0, with its defaults; Qwen3-VL is published with it too, and with other values.
/// The sizes of patches are the vision tower's.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct PreprocessorConfig {
    size: Option<SizeKeys>,
    min_pixels: Option<usize>,
    max_pixels: Option<usize>,
    image_mean: [f32; 3],
    image_std: [f32; 3],
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct SizeKeys {
    #[serde(alias = "min_pixels")]
    shortest_edge: usize,
    #[serde(alias = "max_pixels")]
    longest_edge: usize,
}

impl Default for PreprocessorConfig {
    fn default() -> Self {
        Self {
            size: None,
            min_pixels: None,
            max_pixels: None,
            image_mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            image_std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        }
    }
}

impl PreprocessorConfig {
    /// What a family is published with.
    pub fn of(family: Family) -> Self {
        match family {
            Family::Llama | Family::Qwen2_5Vl => Self::default(),
            Family::Qwen3Vl => Self {
                size: Some(SizeKeys { shortest_edge: 256 * 256, longest_edge: 4096 * 4096 }),
                image_mean: [0.5; 3],
                image_std: [0.5; 3],
                ..Self::default()
            },
        }
    }

    /// Fewest and most pixels, by whichever keys say it.
    fn limits(&self) -> [usize; 2] {
        let [min, max] = self.size.as_ref().map_or([56 * 56, 28 * 28 * 1280], |s| [s.shortest_edge, s.longest_edge]);
        [self.min_pixels.unwrap_or(min), self.max_pixels.unwrap_or(max)]
    }
}

/// A picture as the vision tower reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Patches {
    /// `[patches, channels * frames * patch * patch]`, square by square.
    pub values: Vec<f32>,
    /// Rows and columns of patches.
    pub grid: Grid,
}

impl Patches {
    /// Scales, normalises and cuts a picture.
    ///
    /// # Errors
    /// When the picture is a stripe, or has more patches than the tower takes even within the preprocessor's limits.
    pub fn of(picture: &Picture, preprocessor: &PreprocessorConfig, vision: &VisionConfig) -> Result<Self> {
        let [height, width] = smart_size(picture.size(), vision.patch * vision.merge, preprocessor.limits())?;
        let grid = Grid::new(height / vision.patch, width / vision.patch, vision.merge)?;
        let scaled = resample(picture, [height, width]);
        let mut values = Vec::with_capacity(grid.patches() * vision.patch_values());
        for place in grid.places(vision.merge) {
            for channel in 0..3 {
                let [mean, deviation] = [preprocessor.image_mean[channel], preprocessor.image_std[channel]];
                let frame = cut(&scaled, channel, place, vision.patch);
                let frame: Vec<f32> = frame.map(|level| (level / 255.0 - mean) / deviation).collect();
                // A still picture is a film whose frames are all alike.
                values.extend(std::iter::repeat_n(frame, vision.temporal_patch).flatten());
            }
        }
        Ok(Self { values, grid })
    }
}

/// One channel of one patch, row by row.
fn cut(picture: &Picture, channel: usize, [row, column]: [usize; 2], side: usize) -> impl Iterator<Item = f32> {
    let [height, width] = picture.size();
    let plane = &picture.planes()[channel * height * width..];
    (0..side).flat_map(move |y| {
        let start = (row * side + y) * width + column * side;
        plane[start..start + side].iter().copied()
    })
}

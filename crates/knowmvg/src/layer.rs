//! [`Explanation`] → one map over the stored image: what guided a phrase, for a picture or for a layer over one.

use crate::grounder::{Explanation, Session};

/// Columns or rows of a map, along the longer side of the image.
const MAP_LEN: f64 = 128.0;

/// One of the maps behind the first box of a phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Where the knowledge expects it, blind to the image.
    Prior,
    /// Attention over the whole image.
    Global,
    /// Attention inside the window around the first guess.
    Local,
}

impl Layer {
    /// Every layer, in the order in which the decoder makes them.
    pub const ALL: [Self; 3] = [Self::Prior, Self::Global, Self::Local];

    /// A word for paths and names of files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prior => "prior",
            Self::Global => "global",
            Self::Local => "local",
        }
    }

    /// The layer with this [`name`](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.name() == name)
    }

    /// Words for a person.
    pub fn title(self) -> &'static str {
        match self {
            Self::Prior => "where the knowledge expects it",
            Self::Global => "global attention",
            Self::Local => "local attention",
        }
    }

    /// The map over the whole image; `None` if the decoder has no such map, e.g. with the local stage off.
    ///
    /// # Shapes
    /// `shape` is `[cols, rows]`, the map is `[rows, cols]`, row by row from the top.
    pub fn map(self, session: &Session, explanation: &Explanation, shape: [usize; 2]) -> Option<Vec<f32>> {
        let (map, side, window) = match self {
            Self::Prior => (&explanation.prior, explanation.grid, None),
            Self::Global => (&explanation.global, explanation.grid, None),
            // With the local stage off there is neither a map nor a window.
            Self::Local => (&explanation.local, explanation.window_side, Some(explanation.window?)),
        };
        (!map.is_empty()).then(|| session.map_on_image(map, side, window, shape))
    }
}

/// Columns and rows of a map with the shape of the image.
pub fn map_shape(width: u32, height: u32) -> [usize; 2] {
    let longest = f64::from(width.max(height));
    [width, height].map(|side| ((MAP_LEN * f64::from(side) / longest).round() as usize).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_keep_the_shape_of_the_image_and_stay_small() {
        assert_eq!(map_shape(2_000, 1_000), [128, 64]);
        assert_eq!(map_shape(16, 4_000_000), [1, 128]);
    }

    #[test]
    fn every_layer_is_found_by_its_name_and_no_other() {
        for layer in Layer::ALL {
            assert_eq!(Layer::named(layer.name()), Some(layer));
        }
        assert_eq!(Layer::named("Global"), None);
    }
}

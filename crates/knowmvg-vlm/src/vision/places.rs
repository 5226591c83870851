use burn::module::Module;
use burn::nn::Embedding;
use burn::tensor::{Device, Int, Tensor, TensorData};

use super::grid::Grid;
use crate::config::VisionConfig;
use crate::weights::WeightReader;

/// Learnt places: a square of them that is stretched over each picture.
#[derive(Module, Debug)]
pub struct Places {
    pos_embed: Embedding,
    side: usize,
}

impl Places {
    /// Reads a square of `side * side` places.
    pub(super) fn load(reader: &mut WeightReader, prefix: &str, side: usize, config: &VisionConfig) -> Self {
        Self { pos_embed: reader.embedding(prefix, [side * side, config.width]), side }
    }

    /// The place of every patch, square by square of each picture.
    ///
    /// # Shapes
    /// - returns `[patches of all pictures, width]`
    ///
    /// # Source
    /// `get_vision_interpolation_indices_and_weights` of transformers 5.23.0, bilinear: the corners of a picture are the
    /// corners of the square.
    pub(super) fn of(&self, grids: &[Grid], merge: usize) -> Tensor<2> {
        let table = self.pos_embed.weight.val();
        let device = table.device();
        let taps: Vec<[Tap; 4]> = grids.iter().flat_map(|grid| taps(grid, merge, self.side)).collect();
        let corners = (0..4).map(|corner| {
            let (indices, weights) = column(&taps, corner, &device);
            table.clone().select(0, indices) * weights
        });
        corners.reduce(|sum, corner| sum + corner).expect("a square has four corners")
    }
}

/// One of the four places that a patch lies between, and its share.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tap {
    place: usize,
    weight: f32,
}

/// The four places around each patch of a picture.
fn taps(grid: &Grid, merge: usize, side: usize) -> impl Iterator<Item = [Tap; 4]> {
    let [rows, columns] = [grid.rows, grid.columns].map(|count| axis(count, side));
    grid.places(merge).into_iter().map(move |[row, column]| {
        let tap = |i: usize| {
            let [(y, of_row), (x, of_column)] = [rows[row][i / 2], columns[column][i % 2]];
            Tap { place: y * side + x, weight: of_row * of_column }
        };
        [0, 1, 2, 3].map(tap)
    })
}

/// The two places around each of `count` patches along an axis, and their shares.
fn axis(count: usize, side: usize) -> Vec<[(usize, f32); 2]> {
    let around = |patch: usize| {
        // In f32 as the reference computes it: a step to the other side of a whole number would take another place.
        let at = patch as f32 * (side - 1) as f32 / count.saturating_sub(1).max(1) as f32;
        let (before, share) = (at.floor() as usize, at - at.floor());
        [(before.min(side - 1), 1.0 - share), ((before + 1).min(side - 1), share)]
    };
    (0..count).map(around).collect()
}

/// One corner of every patch: which place, and its share as a column.
fn column(taps: &[[Tap; 4]], corner: usize, device: &Device) -> (Tensor<1, Int>, Tensor<2>) {
    let places: Vec<i32> = taps.iter().map(|taps| taps[corner].place as i32).collect();
    let weights: Vec<f32> = taps.iter().map(|taps| taps[corner].weight).collect();
    let shape = [weights.len(), 1];
    (Tensor::from_data(places.as_slice(), device), Tensor::from_data(TensorData::new(weights, shape), device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_ends_and_what_lies_between_is_shared() {
        assert_eq!(axis(3, 5), [[(0, 1.0), (1, 0.0)], [(2, 1.0), (3, 0.0)], [(4, 1.0), (4, 0.0)]]);
        assert_eq!(axis(2, 2), [[(0, 1.0), (1, 0.0)], [(1, 1.0), (1, 0.0)]]);
        assert_eq!(axis(5, 3)[1], [(0, 0.5), (1, 0.5)]);
        assert_eq!(axis(1, 4), [[(0, 1.0), (1, 0.0)]]);
    }

    #[test]
    fn shares_of_a_patch_are_one_whole() {
        let grid = Grid { rows: 6, columns: 10 };
        let taps: Vec<[Tap; 4]> = taps(&grid, 2, 5).collect();
        assert_eq!(taps.len(), 60);
        for taps in taps {
            assert!((taps.iter().map(|tap| tap.weight).sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(taps.iter().all(|tap| tap.place < 25));
        }
    }
}

use burn::tensor::{Device, Tensor, TensorData};

use super::slices::numbers;
use crate::config::RopeConfig;

/// Where a token stands: in time, in rows and in columns. Text stands at the same number on all three.
pub type Position = [i64; 3];

/// Cosines and sines by which queries and keys are turned.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// `[batch, 1, tokens, head_width]`
    cosines: Tensor<4>,
    /// `[batch, 1, tokens, head_width]`
    sines: Tensor<4>,
}

impl Rotation {
    /// The rotation of each token of each row.
    ///
    /// # Source
    /// Su et al. 2021 (RoPE), in the layout of Hugging Face: pair `j` of a head is `(j, j + head_width / 2)` and turns by
    /// `position * theta^(-2 j / head_width)`. With sections (Wang et al. 2024, M-RoPE), [`Axes`](crate::config::Axes) says
    /// with which of its three positions.
    pub fn of_text(rope: &RopeConfig, head_width: usize, positions: &[Vec<Position>], device: &Device) -> Self {
        let frequencies = frequencies(rope.theta, head_width);
        let axes = rope.axes.of_pairs(head_width / 2);
        let angles = |position: &Position| -> Vec<f32> {
            axes.iter().zip(&frequencies).map(|(axis, frequency)| position[*axis] as f32 * frequency).collect()
        };
        let angles: Vec<f32> = positions.iter().flatten().flat_map(angles).collect();
        Self::from_angles(angles, [positions.len(), positions.first().map_or(0, Vec::len)], device)
    }

    /// From the angle of every pair, row by row.
    pub(crate) fn from_angles(angles: Vec<f32>, [batch, tokens]: [usize; 2], device: &Device) -> Self {
        let pairs = angles.len() / (batch * tokens).max(1);
        let angles = Tensor::<4>::from_data(TensorData::new(angles, [batch, 1, tokens, pairs]), device);
        let angles = Tensor::cat(vec![angles.clone(), angles], 3); // [batch, 1, tokens, head_width]
        Self { cosines: angles.clone().cos(), sines: angles.sin() }
    }

    /// The cosines and the sines, `[batch, tokens, head_width]`.
    pub(super) fn angles(&self) -> (Vec<f32>, Vec<f32>) {
        (numbers(self.cosines.clone()), numbers(self.sines.clone()))
    }

    /// Turns queries or keys.
    ///
    /// # Shapes
    /// - `heads`: `[batch, heads, tokens, head_width]`; returns the same
    pub fn turn(&self, heads: Tensor<4>) -> Tensor<4> {
        let half = heads.dims()[3] / 2;
        let first = heads.clone().narrow(3, 0, half);
        let second = heads.clone().narrow(3, half, half);
        let crossed = Tensor::cat(vec![second.neg(), first], 3);
        heads * self.cosines.clone() + crossed * self.sines.clone()
    }
}

/// Turns per position of each pair, in f32 as the reference computes them.
pub(crate) fn frequencies(theta: f64, width: usize) -> Vec<f32> {
    (0..width / 2).map(|pair| 1.0 / (theta as f32).powf((2 * pair) as f32 / width as f32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Axes;

    #[test]
    fn text_turns_alike_with_and_without_sections() {
        let device = Device::flex();
        let positions = vec![vec![[0; 3], [5; 3], [70_000; 3]]];
        let turned = |axes| {
            let rope = RopeConfig { theta: 1e4, axes };
            let heads = Tensor::<4>::ones([1, 2, 3, 8], &device);
            Rotation::of_text(&rope, 8, &positions, &device).turn(heads).into_data()
        };
        assert_eq!(turned(Axes::One), turned(Axes::InTurn([1, 1, 2])));
        assert_eq!(turned(Axes::One), turned(Axes::Interleaved([2, 1, 1])));
    }

    #[test]
    fn a_quarter_turn_swaps_the_halves() {
        let device = Device::flex();
        let rotation = Rotation::from_angles(vec![std::f32::consts::FRAC_PI_2], [1, 1], &device);
        let heads = Tensor::<4>::from_data(TensorData::new(vec![3.0f32, 5.0], [1, 1, 1, 2]), &device);
        let turned: Vec<f32> = rotation.turn(heads).try_to_vec_as().unwrap();
        assert!((turned[0] + 5.0).abs() < 1e-6 && (turned[1] - 3.0).abs() < 1e-6, "{turned:?}");
    }
}

//! What lies between quantised products, over slices: one pass where tensors take one for each operation.

use burn::nn::RmsNorm;
use burn::tensor::{Tensor, TensorData};
use knowmvg::model::linalg::exp;
use rayon::prelude::*;

/// Values handled by one task: large enough to hide the cost of a task.
const PER_TASK: usize = 1 << 14;

/// [`RmsNorm::forward`].
pub(super) fn norm<const D: usize>(norm: &RmsNorm, rows: Tensor<D>) -> Tensor<D> {
    let (device, dims) = (rows.device(), rows.dims());
    let gamma = numbers(norm.gamma.val());
    let mut rows = numbers(rows);
    let width = gamma.len();
    rows.par_chunks_mut(width * PER_TASK.div_ceil(width)).for_each(|rows| {
        for row in rows.chunks_exact_mut(width) {
            let mean = sum_of_squares(row) / width as f32;
            let inverse = 1.0 / (mean + norm.epsilon as f32).sqrt();
            row.iter_mut().zip(&gamma).for_each(|(value, gamma)| *value = *value * inverse * gamma);
        }
    });
    Tensor::from_data(TensorData::new(rows, dims), &device)
}

/// In 16 independent lanes, which become SIMD code.
fn sum_of_squares(row: &[f32]) -> f32 {
    let mut lanes = [0.0; 16];
    let (chunks, rest) = row.as_chunks::<16>();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value * value);
    }
    lanes.into_iter().sum::<f32>() + rest.iter().map(|value| value * value).sum::<f32>()
}

/// `silu(gate) * up`.
pub(super) fn gated<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    let (device, dims) = (gate.device(), gate.dims());
    let (mut gate, up) = (numbers(gate), numbers(up));
    gate.par_chunks_mut(PER_TASK).zip(up.par_chunks(PER_TASK)).for_each(|(gate, up)| {
        for (gate, up) in gate.iter_mut().zip(up) {
            *gate = *gate / (1.0 + exp(-*gate)) * up;
        }
    });
    Tensor::from_data(TensorData::new(gate, dims), &device)
}

/// The numbers of a tensor, where they lie if nobody else holds them.
///
/// # Panics
/// When they are not of 32 bits.
pub(super) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap_or_else(|e| panic!("expected numbers of f32: {e:?}"))
}

#[cfg(test)]
mod tests {
    use burn::nn::RmsNormConfig;
    use burn::tensor::activation::silu;
    use burn::tensor::{Device, Distribution};

    use super::*;

    fn random(shape: [usize; 2]) -> Tensor<2> {
        Tensor::random(shape, Distribution::Uniform(-5.0, 5.0), &Device::flex())
    }

    fn largest_difference(a: Tensor<2>, b: Tensor<2>) -> f32 {
        (a - b).abs().max().into_scalar()
    }

    #[test]
    fn norm_is_burns_norm() {
        let device = Device::flex();
        let mut layer = RmsNormConfig::new(40).with_epsilon(1e-5).init(&device);
        layer.gamma = burn::module::Param::from_tensor(random([1, 40]).reshape([40]));
        let rows = random([7, 40]);
        assert!(largest_difference(norm(&layer, rows.clone()), layer.forward(rows)) < 1e-5);
    }

    #[test]
    fn gates_are_burns_silu() {
        let (gate, up) = (random([3, 700]), random([3, 700]));
        let expected = silu(gate.clone()) * up.clone();
        assert!(largest_difference(gated(gate, up), expected) < 1e-5);
    }
}

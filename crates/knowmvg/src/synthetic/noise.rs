//! Smooth random textures.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

const SIDE: usize = 32;

/// A grid of random numbers, read between its points and repeated without end.
pub(super) struct Texture {
    values: Vec<f64>,
}

impl Texture {
    pub fn random(random: &mut ChaCha8Rng) -> Self {
        Self { values: (0..SIDE * SIDE).map(|_| random.random_range(-1.0..1.0)).collect() }
    }

    /// A smooth value in `[-1, 1]`; one unit of `x` or `y` is one step of the grid.
    fn at(&self, x: f64, y: f64) -> f64 {
        let cell = |row: f64, col: f64| {
            let wrapped = |index: f64| index.rem_euclid(SIDE as f64) as usize % SIDE;
            self.values[wrapped(row) * SIDE + wrapped(col)]
        };
        let (left, top) = (x.floor(), y.floor());
        let ease = |t: f64| t * t * (3.0 - 2.0 * t);
        let (u, v) = (ease(x - left), ease(y - top));
        let upper = cell(top, left) * (1.0 - u) + cell(top, left + 1.0) * u;
        let lower = cell(top + 1.0, left) * (1.0 - u) + cell(top + 1.0, left + 1.0) * u;
        upper * (1.0 - v) + lower * v
    }

    /// Coarse and fine structure together, about in `[-1, 1]`.
    pub fn cloud(&self, [x, y]: [f64; 2], frequency: f64) -> f64 {
        let octave = |power: i32| {
            let scale = 2.0_f64.powi(power);
            // The shift keeps the grids of the octaves from meeting.
            self.at(x * frequency * scale + 7.3 * scale, y * frequency * scale + 3.1 * scale) / scale
        };
        (0..4).map(octave).sum::<f64>() / 1.875
    }
}

/// A number with mean 0 and variance 1, nearly normal.
pub(super) fn normal(random: &mut ChaCha8Rng) -> f64 {
    // Sum of uniform numbers: no logarithm or cosine, whose last digits differ between machines.
    (0..4).map(|_| random.random_range(-1.0..1.0)).sum::<f64>() * (3.0_f64 / 4.0).sqrt()
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn noise_has_mean_zero_and_variance_one() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let drawn: Vec<f64> = (0..20_000).map(|_| normal(&mut random)).collect();
        let mean = drawn.iter().sum::<f64>() / 20_000.0;
        let variance = drawn.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }

    #[test]
    fn clouds_are_continuous_and_bounded() {
        let texture = Texture::random(&mut ChaCha8Rng::seed_from_u64(2));
        let values: Vec<f64> = (0..5_000).map(|i| texture.cloud([f64::from(i) * 1e-3 - 2.0, 0.37], 6.0)).collect();
        assert!(values.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.1));
        assert!(values.iter().all(|value| value.abs() <= 1.1));
    }
}

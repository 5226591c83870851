use burn::module::Module;
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};

/// Two linear maps with a GELU between.
#[derive(Module, Debug)]
pub struct FeedForward {
    inner: Linear,
    outer: Linear,
}

impl FeedForward {
    /// Randomly initialised.
    pub fn init([inputs, hidden, outputs]: [usize; 3], device: &Device) -> Self {
        Self {
            inner: LinearConfig::new(inputs, hidden).init(device),
            outer: LinearConfig::new(hidden, outputs).init(device),
        }
    }

    /// Randomly initialised, but for outputs close to zero: for steps away from a reference.
    pub fn init_quiet(sizes: [usize; 3], device: &Device) -> Self {
        let [_, hidden, outputs] = sizes;
        Self {
            outer: LinearConfig::new(hidden, outputs).with_initializer(quiet()).init(device),
            ..Self::init(sizes, device)
        }
    }

    /// # Shapes
    /// - `rows`: `[.., inputs]`; returns `[.., outputs]`
    pub fn forward<const D: usize>(&self, rows: Tensor<D>) -> Tensor<D> {
        self.outer.forward(gelu(self.inner.forward(rows)))
    }
}

/// Weights close to zero: what they make starts as nearly nothing.
pub(super) fn quiet() -> Initializer {
    Initializer::Normal { mean: 0.0, std: 0.01 }
}

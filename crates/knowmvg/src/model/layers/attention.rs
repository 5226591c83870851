use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

/// Multi-head attention that returns its weights.
#[derive(Module, Debug)]
pub struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
}

/// What attention found and where it looked.
pub struct Attended {
    /// `[batch, queries, width]`
    pub context: Tensor<3>,
    /// After the softmax, `[batch, heads, queries, keys]`.
    pub weights: Tensor<4>,
}

impl Attention {
    /// Randomly initialised.
    pub fn init(width: usize, heads: usize, device: &Device) -> Self {
        let linear = || LinearConfig::new(width, width).init(device);
        Self { query: linear(), key: linear(), value: linear(), output: linear(), heads }
    }

    /// Attends from `queries` to `keys`; `bias` is added to the scores before the softmax.
    ///
    /// # Shapes
    /// - `queries`: `[batch, queries, width]`
    /// - `keys`: `[batch, keys, width]`
    /// - `bias`: broadcastable to `[batch, heads, queries, keys]`
    pub fn forward(&self, queries: Tensor<3>, keys: Tensor<3>, bias: Option<Tensor<4>>) -> Attended {
        self.forward_keyed(queries, keys.clone(), keys, bias)
    }

    /// Attends with keys (which carry positions) apart from values (which don't).
    ///
    /// # Shapes
    /// As [`Attention::forward`]; `values`: `[batch, keys, width]`
    pub fn forward_keyed(
        &self,
        queries: Tensor<3>,
        keys: Tensor<3>,
        values: Tensor<3>,
        bias: Option<Tensor<4>>,
    ) -> Attended {
        let [batch, count, width] = queries.dims();
        let head_width = width / self.heads;
        let query = self.split(self.query.forward(queries)) / (head_width as f64).sqrt();
        let key = self.split(self.key.forward(keys));
        let value = self.split(self.value.forward(values));
        let scores = query.matmul(key.swap_dims(2, 3)); // [batch, heads, queries, keys]
        let scores = match bias {
            Some(bias) => scores + bias,
            None => scores,
        };
        let weights = softmax(scores, 3);
        let context = weights.clone().matmul(value).swap_dims(1, 2).reshape([batch, count, width]);
        Attended { context: self.output.forward(context), weights }
    }

    fn split(&self, rows: Tensor<3>) -> Tensor<4> {
        let [batch, count, width] = rows.dims();
        rows.reshape([batch, count, self.heads, width / self.heads]).swap_dims(1, 2) // [batch, heads, rows, head_width]
    }
}

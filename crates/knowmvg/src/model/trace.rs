//! Named intermediates: for golden tests, and for the pictures of `--explain`.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

/// Receives intermediates as the model computes them.
pub trait Trace {
    /// Takes note of one.
    fn record<const D: usize>(&mut self, name: &str, tensor: &Tensor<D>);
}

/// Records nothing and costs nothing.
impl Trace for () {
    fn record<const D: usize>(&mut self, _name: &str, _tensor: &Tensor<D>) {}
}

/// Keeps every intermediate's shape and values.
#[derive(Debug, Default)]
pub struct TraceMap {
    /// By name.
    pub entries: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Trace for TraceMap {
    fn record<const D: usize>(&mut self, name: &str, tensor: &Tensor<D>) {
        self.entries.insert(name.to_owned(), (tensor.dims().to_vec(), values(tensor)));
    }
}

/// The values of a tensor, row-major.
pub fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.try_to_vec_as::<f32>().expect("float tensors convert to f32")
}

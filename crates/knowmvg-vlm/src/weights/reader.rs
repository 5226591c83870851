use burn::module::Param;
use burn::nn::{Embedding, Linear, RmsNorm};
use burn::tensor::{Device, Tensor, TensorData};
use knowmvg::model::weights::WeightError;

/// Where tensors come from, by the names that Hugging Face gives them.
pub trait TensorSource {
    /// The shape of a tensor, if the source holds it.
    fn shape(&self, name: &str) -> Option<Vec<usize>>;

    /// The values of a tensor that the source holds, in f32, row-major; the tensor counts as used.
    ///
    /// # Errors
    /// When its numbers are of a type that is not read.
    fn values(&mut self, name: &str) -> Result<Vec<f32>, String>;

    /// What is wrong with the source as a whole: tensors that were never asked for, among others.
    fn finish(self: Box<Self>) -> Vec<String>;
}

/// Whether a linear map has a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bias {
    /// It has one.
    Present,
    /// It has none.
    Absent,
}

impl Bias {
    /// [`Bias::Present`] where `is_present`.
    pub fn from_flag(is_present: bool) -> Self {
        if is_present { Self::Present } else { Self::Absent }
    }
}

/// Builds layers from a source and notes what does not fit.
pub struct WeightReader<'a> {
    source: Box<dyn TensorSource + 'a>,
    device: Device,
    problems: Vec<String>,
}

impl<'a> WeightReader<'a> {
    /// A reader that puts its layers on `device`.
    pub fn new(source: impl TensorSource + 'a, device: &Device) -> Self {
        Self { source: Box::new(source), device: device.clone(), problems: vec![] }
    }

    /// Whether the source holds a tensor.
    pub fn holds(&self, name: &str) -> bool {
        self.source.shape(name).is_some()
    }

    /// A tensor. One that is missing or misshapen is noted for [`WeightReader::finish`] and stands in as a single zero.
    pub fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Tensor<D> {
        match self.checked(name, &shape) {
            Ok(values) => Tensor::from_data(TensorData::new(values, shape), &self.device),
            Err(problem) => {
                self.problems.push(problem);
                Tensor::zeros([1; D], &self.device)
            }
        }
    }

    fn checked(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let found = self.source.shape(name).ok_or_else(|| format!("missing {name} {shape:?}"))?;
        let values = self.source.values(name)?;
        if found != shape {
            return Err(format!("expected {name} {shape:?}, found {found:?}"));
        }
        Ok(values)
    }

    /// A linear map from `inputs` to `outputs`, which files store as `[outputs, inputs]`.
    pub fn linear(&mut self, prefix: &str, [inputs, outputs]: [usize; 2], bias: Bias) -> Linear {
        let weight = self.tensor(&format!("{prefix}.weight"), [outputs, inputs]);
        let bias = match bias {
            Bias::Present => Some(Param::from_tensor(self.tensor(&format!("{prefix}.bias"), [outputs]))),
            Bias::Absent => None,
        };
        Linear { weight: self.turned(weight), bias }
    }

    /// A weight for multiplication from the right, as Burn does it. Its numbers are moved, once: Burn would copy a weight
    /// that is only turned on paper in every forward pass.
    pub(crate) fn turned(&self, weight: Tensor<2>) -> Param<Tensor<2>> {
        Param::from_tensor(Tensor::from_data(weight.transpose().into_data(), &self.device))
    }

    /// A norm by the root of the mean square.
    pub fn norm(&mut self, prefix: &str, width: usize, epsilon: f64) -> RmsNorm {
        RmsNorm { gamma: Param::from_tensor(self.tensor(&format!("{prefix}.weight"), [width])), epsilon }
    }

    /// A table of `rows` vectors.
    pub fn embedding(&mut self, prefix: &str, [rows, width]: [usize; 2]) -> Embedding {
        Embedding { weight: Param::from_tensor(self.tensor(&format!("{prefix}.weight"), [rows, width])) }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When a tensor was missing, misshapen, of an unknown type or left unused.
    pub fn finish(mut self) -> Result<(), WeightError> {
        self.problems.extend(self.source.finish());
        if self.problems.is_empty() { Ok(()) } else { Err(WeightError::Mismatch(self.problems)) }
    }
}

use std::fmt;

use burn::module::Param;
use burn::nn::{Embedding, LayerNorm, LayerNormConfig, Linear, RmsNorm};
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use knowmvg::model::weights::WeightError;

use crate::quantized::{QuantizedMatrix, StoredRows};
use crate::text::{Projection, QuantizedLinear, Table};

/// Where tensors come from, by the names that Hugging Face gives them.
pub trait TensorSource {
    /// The shape of a tensor, if the source holds it.
    fn shape(&self, name: &str) -> Option<Vec<usize>>;

    /// The values of a tensor that the source holds, in f32, row-major; the tensor counts as used.
    ///
    /// # Errors
    /// When its numbers are of a type that is not read.
    fn values(&mut self, name: &str) -> Result<Vec<f32>, String>;

    /// The rows of a matrix that the source holds quantised, as they are stored; the tensor counts as used. `None` if it holds
    /// the matrix in floats.
    ///
    /// # Errors
    /// When its rows can't be told apart.
    fn stored(&mut self, name: &str) -> Result<Option<StoredRows<'_>>, String> {
        let _ = name;
        Ok(None)
    }

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
    weights: Weights,
    problems: Vec<String>,
}

/// A format of 16-bit floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// bfloat16: the range of 32 bits, a precision of 8.
    BFloat16,
    /// IEEE 754's: up to 65,504, a precision of 11.
    Float16,
}

/// In which numbers the matrices of a language model are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Weights {
    /// In 32-bit floats.
    Full,
    /// In 16-bit floats, and multiplied in them; norms, sums and the softmax have 32 bits, and so has what is learnt beside.
    Half(Half),
    /// As the file stores them: quantised matrices stay so, others become 32-bit floats.
    #[default]
    AsStored,
    /// Quantised matrices stay so, others are rounded to 8 bits, with a 16-bit scale for 32 weights.
    Int8,
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "float32",
            Self::Half(Half::BFloat16) => "bfloat16",
            Self::Half(Half::Float16) => "float16",
            Self::AsStored => "as-stored",
            Self::Int8 => "int8",
        })
    }
}

impl From<Half> for FloatDType {
    fn from(half: Half) -> Self {
        match half {
            Half::BFloat16 => Self::BF16,
            Half::Float16 => Self::F16,
        }
    }
}

impl<'a> WeightReader<'a> {
    /// A reader that puts its layers on `device`, in floats.
    pub fn new(source: impl TensorSource + 'a, device: &Device) -> Self {
        Self { source: Box::new(source), device: device.clone(), weights: Weights::Full, problems: vec![] }
    }

    /// From now on, matrices of projections and tables are kept so.
    pub fn keep(&mut self, weights: Weights) {
        self.weights = weights;
    }

    /// Whether the source holds a tensor.
    pub fn holds(&self, name: &str) -> bool {
        self.source.shape(name).is_some()
    }

    /// A tensor. One that is missing or misshapen is noted for [`WeightReader::finish`] and stands in as a single zero.
    pub fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Tensor<D> {
        match self.noted(name, &shape) {
            Some(values) => Tensor::from_data(TensorData::new(values, shape), &self.device),
            None => Tensor::zeros([1; D], &self.device),
        }
    }

    /// The values of a tensor; what is wrong with it is noted.
    fn noted(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
        self.checked(name, shape).map_err(|problem| self.problems.push(problem)).ok()
    }

    fn checked(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        let found = self.source.shape(name).ok_or_else(|| format!("missing {name} {shape:?}"))?;
        let values = self.source.values(name)?;
        if found != shape {
            return Err(format!("expected {name} {shape:?}, found {found:?}"));
        }
        Ok(values)
    }

    /// A linear map from `inputs` to `outputs`, which files store as `[outputs, inputs]`, in 32-bit floats.
    pub fn linear(&mut self, prefix: &str, [inputs, outputs]: [usize; 2], bias: Bias) -> Linear {
        let weight = self.tensor(&format!("{prefix}.weight"), [outputs, inputs]);
        let bias = match bias {
            Bias::Present => Some(Param::from_tensor(self.tensor(&format!("{prefix}.bias"), [outputs]))),
            Bias::Absent => None,
        };
        Linear { weight: self.turned(weight), bias }
    }

    /// As [`WeightReader::linear`], in the numbers of [`WeightReader::keep`].
    pub fn projection(&mut self, prefix: &str, [inputs, outputs]: [usize; 2], bias: Bias) -> Projection {
        let Some(matrix) = self.quantized(&format!("{prefix}.weight"), [outputs, inputs]) else {
            let Linear { weight, bias } = self.linear(prefix, [inputs, outputs], bias);
            return Projection::Full(Linear { weight: self.kept(weight), bias: bias.map(|bias| self.kept(bias)) });
        };
        let bias = match bias {
            Bias::Present => self.noted(&format!("{prefix}.bias"), &[outputs]),
            Bias::Absent => None,
        };
        Projection::Quantized(QuantizedLinear::new(matrix, bias))
    }

    /// As [`WeightReader::embedding`], in the numbers of [`WeightReader::keep`].
    pub fn table(&mut self, prefix: &str, shape: [usize; 2]) -> Table {
        match self.quantized(&format!("{prefix}.weight"), shape) {
            Some(matrix) => Table::quantized(matrix, &self.device),
            None => {
                let Embedding { weight } = self.embedding(prefix, shape);
                Table::Full(Embedding { weight: self.kept(weight) })
            }
        }
    }

    /// Floats of as many bits as [`WeightReader::keep`] says.
    fn kept<const D: usize>(&self, weight: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.weights {
            Weights::Half(half) => Param::from_tensor(weight.val().cast(FloatDType::from(half)).detach()),
            _ => weight,
        }
    }

    /// A matrix that stays quantised or becomes so; `None` if it is to be read in floats, which also notes what is wrong
    /// with it.
    fn quantized(&mut self, name: &str, shape: [usize; 2]) -> Option<QuantizedMatrix> {
        let fits = self.source.shape(name).is_some_and(|found| found == shape);
        if matches!(self.weights, Weights::Full | Weights::Half(_)) || !fits {
            return None;
        }
        match self.source.stored(name) {
            Ok(Some(stored)) => return QuantizedMatrix::from_stored(&stored),
            Ok(None) => {}
            Err(_) => return None,
        }
        match self.weights {
            Weights::Int8 => QuantizedMatrix::from_values(&self.source.values(name).ok()?, shape[1]),
            _ => None,
        }
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

    /// A norm by mean and variance, with a shift.
    pub fn layer_norm(&mut self, prefix: &str, width: usize, epsilon: f64) -> LayerNorm {
        // Built small: what the configuration says is only believed when the file holds it.
        let mut norm = LayerNormConfig::new(1).with_epsilon(epsilon).init(&self.device);
        norm.gamma = Param::from_tensor(self.tensor(&format!("{prefix}.weight"), [width]));
        norm.beta = Some(Param::from_tensor(self.tensor(&format!("{prefix}.bias"), [width])));
        norm
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

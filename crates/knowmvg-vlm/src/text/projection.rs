use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Device, FloatDType, Int, Tensor, TensorData};

use crate::quantized::{QuantizedMatrix, QuantizedRows, products, products_of};

/// A linear map: one in floats, through which gradients go, or one that stays quantised, for inference alone.
#[derive(Module, Debug)]
pub enum Projection {
    /// In floats of 32 or 16 bits.
    Full(Linear),
    /// In the bits in which it is stored.
    Quantized(QuantizedLinear),
}

/// A linear map in 4 or 8 bits a weight. No gradient goes through it.
#[derive(Module, Debug)]
pub struct QuantizedLinear {
    #[module(skip)]
    matrix: QuantizedMatrix,
    #[module(skip)]
    bias: Option<Vec<f32>>,
}

impl Projection {
    /// # Shapes
    /// - `rows`: `[.., inputs]`; returns `[.., outputs]`
    pub fn forward<const D: usize>(&self, rows: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Full(linear) => multiplied(rows, &linear.weight.val(), |rows| linear.forward(rows)),
            Self::Quantized(linear) => linear.forward(rows),
        }
    }

    /// Several maps of the same rows: quantised ones round them once, and are multiplied in one go.
    ///
    /// # Shapes
    /// - `rows`: `[.., inputs]`; returns `[.., outputs]` of each
    pub fn all<const N: usize, const D: usize>(maps: [&Self; N], rows: Tensor<D>) -> [Tensor<D>; N] {
        let quantized: Vec<_> = maps.iter().filter_map(|map| map.quantized()).collect();
        match <[&QuantizedLinear; N]>::try_from(quantized) {
            Ok(maps) => QuantizedLinear::all(maps, rows),
            Err(_) => maps.map(|map| map.forward(rows.clone())),
        }
    }

    /// Whether it stays quantised.
    pub fn is_quantized(&self) -> bool {
        self.quantized().is_some()
    }

    fn quantized(&self) -> Option<&QuantizedLinear> {
        match self {
            Self::Full(_) => None,
            Self::Quantized(linear) => Some(linear),
        }
    }
}

impl QuantizedLinear {
    /// A map by its weight, and what is added.
    pub fn new(matrix: QuantizedMatrix, bias: Option<Vec<f32>>) -> Self {
        Self { matrix, bias }
    }

    fn forward<const D: usize>(&self, rows: Tensor<D>) -> Tensor<D> {
        let [products] = Self::all([self], rows);
        products
    }

    fn all<const N: usize, const D: usize>(maps: [&Self; N], rows: Tensor<D>) -> [Tensor<D>; N] {
        let (device, dims) = (rows.device(), rows.dims());
        let rows = rounded(rows);
        let mut all = products_of(maps.map(|map| &map.matrix), &rows).into_iter();
        maps.map(|map| {
            let mut products = all.next().unwrap_or_default();
            map.add_bias(&mut products);
            shaped(products, dims, &device)
        })
    }

    fn add_bias(&self, products: &mut [f32]) {
        let Some(bias) = &self.bias else { return };
        for row in products.chunks_exact_mut(bias.len()) {
            row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
        }
    }
}

/// A table of one vector for each token, which a model may also read backwards, as its output head.
#[derive(Module, Debug)]
pub enum Table {
    /// In floats.
    Full(Embedding),
    /// In the bits in which it is stored.
    Quantized(QuantizedTable),
}

/// A table in 4 or 8 bits a number.
#[derive(Module, Debug)]
pub struct QuantizedTable {
    #[module(skip)]
    matrix: QuantizedMatrix,
    #[module(skip)]
    device: Device,
}

impl Table {
    /// A table that stays quantised; what is looked up is put on `device`.
    pub fn quantized(matrix: QuantizedMatrix, device: &Device) -> Self {
        Self::Quantized(QuantizedTable { matrix, device: device.clone() })
    }

    /// The vectors of tokens.
    ///
    /// # Shapes
    /// - returns `[ids, width]`
    ///
    /// # Panics
    /// When an id has no row.
    pub fn select(&self, ids: &[u32]) -> Tensor<2> {
        match self {
            Self::Full(embedding) => {
                let table = embedding.weight.val();
                let ids: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
                let rows = table.clone().select(0, Tensor::<1, Int>::from_data(ids.as_slice(), &table.device()));
                rows.cast(FloatDType::F32)
            }
            Self::Quantized(table) => {
                let values: Vec<f32> = ids.iter().flat_map(|id| table.matrix.row(*id as usize)).collect();
                shaped(values, [ids.len(), table.matrix.inputs()], &table.device)
            }
        }
    }

    /// Rows times every vector of the table.
    ///
    /// # Shapes
    /// - `rows`: `[rows, width]`; returns `[rows, tokens of the table]`
    pub fn scores(&self, rows: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Full(embedding) => {
                let table = embedding.weight.val();
                multiplied(rows, &table, |rows| rows.matmul(table.clone().transpose()))
            }
            Self::Quantized(table) => {
                let (device, dims) = (rows.device(), rows.dims());
                shaped(products(&table.matrix, &rounded(rows)), dims, &device)
            }
        }
    }
}

/// A product in the numbers of the weight; what comes in and goes out has those of the rows. Sums, norms and the softmax
/// between two products thus stay in 32 bits beside a weight of 16.
///
/// # Source
/// Micikevicius et al. 2018, *Mixed Precision Training*.
fn multiplied<const D: usize>(
    rows: Tensor<D>,
    weight: &Tensor<2>,
    product: impl FnOnce(Tensor<D>) -> Tensor<D>,
) -> Tensor<D> {
    let (given, own) = (rows.dtype(), weight.dtype());
    if given == own {
        return product(rows);
    }
    product(rows.cast(FloatDType::from(own))).cast(FloatDType::from(given))
}

/// On the CPU, the numbers are read where they lie.
///
/// # Panics
/// When the device fails to hand out its numbers, or they are not of 32 bits.
fn rounded<const D: usize>(rows: Tensor<D>) -> QuantizedRows {
    let width = rows.dims()[D - 1];
    let data = rows.into_data();
    let values = data.as_slice().unwrap_or_else(|e| panic!("expected rows of f32: {e:?}"));
    QuantizedRows::of(values, width)
}

/// Products as a tensor of the shape that their rows had, but for its last axis.
fn shaped<const D: usize>(products: Vec<f32>, mut dims: [usize; D], device: &Device) -> Tensor<D> {
    let rows: usize = dims[..D - 1].iter().product();
    dims[D - 1] = products.len() / rows.max(1);
    Tensor::from_data(TensorData::new(products, dims), device)
}
